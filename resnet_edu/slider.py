"""A slider that has a name: ipywidgets' own tells a screen reader its number only, and no way to change that."""

import anywidget
import traitlets

# A native range input in its label. It moves by mouse, touch, arrow keys, page keys, Home and End, and reports
# every value that it passes.
MODULE = """
function render({ model, el }) {
  const name = document.createElement("span");
  const input = document.createElement("input");
  const label = document.createElement("label");
  label.className = "resnet-edu-slider";
  label.append(name, input);
  el.append(label);
  name.textContent = model.get("description");
  input.type = "range";
  for (const limit of ["min", "max", "step"]) input[limit] = model.get(limit);
  const show = () => { input.value = model.get("value"); };
  show();
  model.on("change:value", show);
  // JupyterLab's shortcuts would take the arrow keys and go to another cell.
  input.addEventListener("keydown", (event) => {
    if (/^(Arrow|Page|Home|End)/.test(event.key)) event.stopPropagation();
  });
  input.addEventListener("input", () => {
    model.set("value", Number(input.value));
    model.save_changes();
  });
}
export default { render };
"""
# The sizes and colours of JupyterLab's widgets, so that it stands in line with them, in a dark theme, too.
STYLE = """
.resnet-edu-slider {
  display: flex;
  align-items: center;
  width: var(--jp-widgets-inline-width, 300px);
  max-width: 100%;
  height: var(--jp-widgets-inline-height, 28px);
  margin: var(--jp-widgets-margin, 2px);
  color: var(--jp-widgets-label-color, inherit);
  font-size: var(--jp-widgets-font-size, 13px);
}
.resnet-edu-slider span {
  width: var(--jp-widgets-inline-label-width, 80px);
  margin-right: calc(var(--jp-widgets-inline-margin, 4px) * 2);
  text-align: right;
}
.resnet-edu-slider input {
  flex: 1;
  min-width: 0;
  accent-color: var(--jp-brand-color1, #1976d2);
}
"""


class Slider(anywidget.AnyWidget):
    """An integer from `min` to `max` in steps of `step`, named by its `description`."""

    _esm = MODULE
    _css = STYLE
    value = traitlets.Int().tag(sync=True)
    min = traitlets.Int().tag(sync=True)
    max = traitlets.Int().tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
