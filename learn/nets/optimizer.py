"""A torch optimizer that steps integer parameters by the rules of ``learn.rules``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from learn.arrays import like, to_numpy
from learn.errors import NetError
from learn.keys import Key
from learn.nets.share import add_up
from learn.rules import RULES, Rule, make_rule, state_arrays, with_arrays
from learn.spaces import Space

Factory = Callable[[Any, float], Rule]
_OURS = ("rule", "space")
"""What a group holds that is no number: kept out of saved states, as a net's code is."""


def parameter_groups(net: nn.Module) -> tuple[list[dict[str, Any]], list[nn.Parameter]]:
    """Return a net's integer parameters as groups of one space each, and its real parameters for another optimizer."""
    by_space: dict[Any, list[nn.Parameter]] = {}
    real = []
    for parameter in net.parameters():
        if parameter.is_floating_point():
            real.append(parameter)
        else:
            by_space.setdefault(parameter.space, []).append(parameter)
    return [{"params": params, "space": space} for space, params in by_space.items()], real


class DiscreteOptimizer(torch.optim.Optimizer):
    """Step integer parameters by update rules, on what backward passes left in ``parameter.vote``.

    Every update of every parameter draws from a child of the key of its own, named by its group, its place and the
    number of the update, so that a training repeats itself from its seed, and goes on from a state as if it had never
    stopped. ``lr`` is the rule's rate, which torch's schedulers move.

    Args:
        params: parameters, or groups of them: dicts of "params" and, where they differ from what is given here, "rule",
            "lr", "space" and "whole" (see :func:`parameter_groups`).
        rule: a name of ``learn.rules.RULES``, which moves parameters by about ``lr`` a step on average; or a function
            that makes a rule of a space and ``lr``, such as ``lambda space, lr: bold(space, eta=lr, cap=0.002)``.
        lr: above 0.
        key: draws.
        space: what parameters may be; by default ``parameter.space``, which layers set.
        whole: whether the rule steps all parameters of a group as one, as ``zim(scope="all")`` does.
        group: a group of processes of torch.distributed, such as ``torch.distributed.group.WORLD``, over which votes
            are summed before each step. Where votes are integers, processes that share a batch take the very steps of
            one process that has it all. None for this process alone.

    Raises:
        NetError: a parameter that is real or has no space, an unknown rule or a rate that is not above 0.
    """

    def __init__(
        self,
        params: Iterable[Any],
        rule: str | Factory,
        *,
        lr: float,
        key: Key,
        space: Space | None = None,
        whole: bool = False,
        group: Any = None,
    ) -> None:
        self.key, self.process_group = key, group
        self.states: dict[nn.Parameter, Any] = {}
        super().__init__(params, {"rule": rule, "lr": lr, "space": space, "whole": whole, "updates": 0})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, checked."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if isinstance(group["rule"], str) and group["rule"] not in RULES:
            raise NetError(f"rule: got {group['rule']!r}, expected one of {', '.join(RULES)}, or a function")
        for parameter in group["params"]:
            if parameter.is_floating_point():
                raise NetError(
                    f"parameter of {parameter.dtype}: rules step integers; real ones are for an optimizer of torch"
                )
            if _space(group, parameter) is None:
                raise NetError("parameter: its space is not known; give space=, or parameter_groups(net)")

    @torch._disable_dynamo
    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step every parameter that has votes; those without are left alone.

        Args:
            closure: evaluates the net again, and its result is returned.

        Raises:
            NetError: another process is gone, or does not answer in time; no parameter has stepped.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._sum_votes()
        for number, group in enumerate(self.param_groups):
            key = self.key.fold("group", number, "update", group["updates"])
            group["updates"] += 1
            voted = [_vote(parameter) is not None for parameter in group["params"]]
            if not group["whole"]:
                for place in (place for place, has in enumerate(voted) if has):
                    self._step(group, [group["params"][place]], key.fold(place), whole=False)
            elif any(voted):
                self._step(group, group["params"], key, whole=True)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the votes, as torch's optimizers clear gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none or _vote(parameter) is None:
                    parameter.vote = None
                else:
                    parameter.vote.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return numbers and tensors alone, which ``torch.save`` and ``weights_only`` loading take.

        Rules and spaces are not in it: they are given when the optimizer is made.
        """
        numbers = {parameter: i for i, parameter in enumerate(self._parameters())}
        groups = [
            {name: value for name, value in group.items() if name not in ("params", *_OURS)}
            | {"params": [numbers[p] for p in group["params"]]}
            for group in self.param_groups
        ]
        state = {
            numbers[parameter]: {name: torch.as_tensor(array).clone() for name, array in state_arrays(state).items()}
            for parameter, state in self.states.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up a state of an optimizer of the same groups and rules.

        Raises:
            NetError: a state of other groups.
            RuleError: a state of another rule.
        """
        groups, saved = self.param_groups, state_dict["param_groups"]
        sizes = [[len(group["params"]) for group in each] for each in (groups, saved)]
        if sizes[0] != sizes[1]:
            raise NetError(f"state: got groups of {sizes[1]} parameters, expected {sizes[0]}")
        for group, numbers in zip(groups, saved, strict=True):
            group.update({name: value for name, value in numbers.items() if name != "params"})
        of = {p: group for group in groups for p in group["params"]}
        self.states = {}
        for number, arrays in state_dict["state"].items():
            parameter = self._parameters()[int(number)]
            group = of[parameter]
            params = tuple(map(_native, group["params"])) if group["whole"] else _native(parameter)
            fresh = self._rule(group, parameter).init(params)
            placed = {
                name: _placed(arrays[name], array) for name, array in state_arrays(fresh).items() if name in arrays
            }
            self.states[parameter] = with_arrays(fresh, placed)

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def _rule(self, group: Mapping[str, Any], parameter: nn.Parameter) -> Rule:
        make, space, rate = group["rule"], _space(group, parameter), float(group["lr"])
        if not isinstance(make, str):
            return make(space, rate)
        make_rule(make, space)  # says where the rule does not work in the space
        return RULES[make].at_rate(space, rate)

    def _step(self, group: Mapping[str, Any], params: Sequence[nn.Parameter], key: Key, *, whole: bool) -> None:
        """Step one parameter, or several as one."""
        first = params[0]
        arrays = [_native(parameter) for parameter in params]
        votes = [_native(torch.zeros_like(p) if _vote(p) is None else _vote(p)) for p in params]
        held, signal = (tuple(arrays), tuple(votes)) if whole else (arrays[0], votes[0])
        rule = self._rule(group, first)
        if first not in self.states:
            self.states[first] = rule.init(held)
        steps, self.states[first] = rule.update(signal, self.states[first], held, key=key)
        for parameter, array, step in zip(params, arrays, steps if whole else (steps,), strict=True):
            parameter.copy_(torch.as_tensor(_space(group, parameter).add(array, step)))

    def _sum_votes(self) -> None:
        """Add up the votes of all processes."""
        if self.process_group is None:
            return
        for parameter in self._parameters():
            if _vote(parameter) is not None:
                add_up(_vote(parameter), self.process_group)


def _space(group: Mapping[str, Any], parameter: nn.Parameter) -> Any:
    return group["space"] or getattr(parameter, "space", None)


def _vote(parameter: nn.Parameter) -> Any:
    return getattr(parameter, "vote", None)


def _native(tensor: Tensor) -> Any:
    """Return the tensor, in numpy where it lies in main memory: rules step alike in both, in numpy thrice as fast."""
    return tensor if tensor.is_cuda else tensor.detach().numpy()


def _placed(saved: Tensor, fresh: Any) -> Any:
    """Return a saved array in the library and where the fresh one of its name lies."""
    return like(to_numpy(saved), fresh)
