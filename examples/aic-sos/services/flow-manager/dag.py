"""Steps that need each other: checking them, ordering them, running them."""

from graphlib import CycleError, TopologicalSorter

MAX_STEPS = 200


class FlowError(ValueError):
    """A flow that cannot be run, and why."""


def concatenate(step, inputs):
    return step.get("separator", "").join(str(value) for value in inputs)


def add(step, inputs):
    try:
        return sum(inputs)
    except TypeError:
        raise FlowError(f"step {step['name']!r}: not all inputs are numbers") from None


def constant(step, inputs):
    return step.get("value")


ACTIONS = {"constant": constant, "concatenate": concatenate, "sum": add}


class Flow:
    """A checked flow: `steps` are {"name", "action", "needs": [names], ...}."""

    def __init__(self, steps):
        if not isinstance(steps, list) or not 0 < len(steps) <= MAX_STEPS:
            raise FlowError(f"steps is a list of 1 to {MAX_STEPS}")
        self._steps = {}
        for step in steps:
            self._check(step)
            self._steps[step["name"]] = step
        graph = {name: step.get("needs", []) for name, step in self._steps.items()}
        for name, needs in graph.items():
            for need in needs:
                if need not in self._steps:
                    raise FlowError(f"step {name!r} needs {need!r}, which is not there")
        try:
            self.order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise FlowError("a cycle: " + " -> ".join(error.args[1])) from None

    def _check(self, step):
        if not isinstance(step, dict) or not isinstance(step.get("name"), str):
            raise FlowError("a step is an object with a name")
        name = step["name"]
        if name in self._steps:
            raise FlowError(f"step {name!r} is there twice")
        if step.get("action") not in ACTIONS:
            raise FlowError(f"step {name!r}: action is one of {', '.join(sorted(ACTIONS))}")
        needs = step.get("needs", [])
        if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
            raise FlowError(f"step {name!r}: needs is a list of names")
        if not isinstance(step.get("separator", ""), str):
            raise FlowError(f"step {name!r}: separator is a text")

    def run(self):
        """Every step's result by name, in the order they ran."""
        results = {}
        for name in self.order:
            step = self._steps[name]
            results[name] = ACTIONS[step["action"]](step, [results[need] for need in step.get("needs", [])])
        return results
