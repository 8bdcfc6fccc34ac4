"""What axe-core finds in the rendered lesson."""

from axe_playwright_python.sync_playwright import Axe

# The lesson's own output, not JupyterLab's menus, prompts and editors. JupyterLab draws a figure as an image
# without an alternative text, and has no way to give it one; its cell prints its text twin (test_notebooks.py).
OURS = {"include": [[".jp-OutputArea-output:not(.jp-RenderedImage)"], [".jp-RenderedMarkdown"]]}


def serious_findings(page):
    """Return the serious and critical findings in what is in view, as `(rule, element's HTML)`."""
    violations = Axe().run(page, OURS).response["violations"]
    return {
        (violation["id"], node["html"])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    }
