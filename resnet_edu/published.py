"""Published test accuracies on CIFAR-10, and what this course has recorded of the same networks."""

import numpy as np

from resnet_edu import plans, recipes, runs

# Percent. He et al. 2015, table 6; the plain networks are read off its figure 6 and approximate.
PAPER = {
    ("plain_net", 20): 90.5,
    ("plain_net", 32): 90.0,
    ("plain_net", 44): 88.0,
    ("plain_net", 56): 86.5,
    ("resnet_v1", 20): 91.25,
    ("resnet_v1", 32): 92.49,
    ("resnet_v1", 44): 92.83,
    ("resnet_v1", 56): 93.03,
    ("resnet_v1", 110): 93.39,  # the mean of five; 93.57 is the best
}
# The Keras CIFAR-10 example, as the article reports it. Its validation images were the test images.
ARTICLE = {
    ("resnet_v1", 20): 92.16,
    ("resnet_v1", 32): 92.46,
    ("resnet_v1", 44): 92.50,
    ("resnet_v1", 56): 92.71,
    ("resnet_v1", 110): 92.65,
    ("resnet_v2", 56): 93.01,
    ("resnet_v2", 110): 93.15,
}
NAMES = {"plain_net": "plain", "resnet_v1": "ResNet v1", "resnet_v2": "ResNet v2"}
# The recorded runs of each column; the first that has a network counts for it. Those that are not there yet leave
# theirs empty.
RECORDED = {
    "ours, paper's recipe": ["cifar10_paper", "cifar10_paper_warm", "cifar10_paper_depths", "cifar10_full"],
    "ours, article's recipe": ["cifar10_article", "cifar10_full_article"],
    "ours, ten epochs": ["cifar10_short"],
}
SHORTENED = ("ours, ten epochs",)  # all other columns hold trainings of the published length only
OTHER_RECIPE = " *"  # behind a figure whose training departs from its recipe, see below the table


def list_results():
    """Return one dict for each network: `network`, `paper`, `article` and the columns of `RECORDED`, all texts.

    Test accuracies in percent: of several recorded seeds the mean, and the lowest and the highest. "–" stands
    where nothing is published, or nothing is recorded. A star marks what was not trained by just this recipe.
    """
    recorded = {column: _accuracies(column) for column in RECORDED}
    networks = set(PAPER) | set(ARTICLE) | {network for column in recorded.values() for network in column}
    return [
        {"network": f"{NAMES[model]}-{depth}"}
        | {"paper": _read_off(model, PAPER.get((model, depth))), "article": _percent(ARTICLE.get((model, depth)))}
        | {column: accuracies.get((model, depth), _percent(None)) for column, accuracies in recorded.items()}
        for model, depth in sorted(networks)
    ]


def write_table(results):
    """Return what `list_results` returned as a table in Markdown."""
    columns = list(results[0])
    lines = [columns, ["---"] * len(columns), *([row[column] for column in columns] for row in results)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _accuracies(column):
    """Return `{(model, depth): what the table says}` of one column."""
    found = {}
    for name in RECORDED[column]:
        try:
            rows = runs.load_run(name)["rows"]
        except runs.RunNotFoundError:
            continue
        here, starred = {}, set()
        for row in rows:
            plan = plans.Plan.from_dict(row)
            network = plan.model, plan.depth
            here.setdefault(network, []).append(100 * row["test_accuracy"])
            if column in SHORTENED:
                continue
            if not recipes.has_published_length(plan.recipe):
                raise ValueError(f"{name} has a shortened training, {plan.title}: no full one")
            if plan.recipe != recipes.find_recipe(plan.recipe.name):
                starred.add(network)
        texts = {
            network: _spread(values) + OTHER_RECIPE * (network in starred) for network, values in here.items()
        }
        found = texts | found
    return found


def _percent(value):
    return "–" if value is None else f"{value:.2f}"


def _read_off(model, value):
    return f"≈ {value:.1f}" if model == "plain_net" and value is not None else _percent(value)


def _spread(values):
    if len(values) == 1:
        return _percent(values[0])
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"
