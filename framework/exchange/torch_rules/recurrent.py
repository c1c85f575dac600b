"""Recurrent layers: torch's own functions where they say the same, a loop elsewhere."""

from __future__ import annotations

from typing import Any

from framework.exchange.torch_rules.registry import Answer, Site, emits, helper

RECURRENT = helper('''
class Recurrent(nn.Module):
    """What torch's recurrent layers compute, under names of weights without a layer's number."""

    def __init__(
        self,
        kind: str,
        features: int,
        hidden: int,
        bias: bool = True,
        bidirectional: bool = False,
        reverse: bool = False,
        batch_first: bool = True,
    ) -> None:
        super().__init__()
        self.run = {"lstm": torch.lstm, "gru": torch.gru, "tanh": torch.rnn_tanh}.get(
            kind, torch.rnn_relu
        )
        self.lstm = kind == "lstm"
        self.hidden = hidden
        self.bias = bias
        self.directions = 2 if bidirectional else 1
        self.reverse = reverse
        self.batch_first = batch_first
        rows = hidden * {"lstm": 4, "gru": 3}.get(kind, 1)
        for end in ("", "_reverse")[: self.directions]:
            self.add_weight(f"weight_ih{end}", rows, features)
            self.add_weight(f"weight_hh{end}", rows, hidden)
            if bias:
                self.add_weight(f"bias_ih{end}", rows)
                self.add_weight(f"bias_hh{end}", rows)

    def add_weight(self, name: str, *shape: int) -> None:
        """A weight that starts as torch's layers do."""
        bound = self.hidden**-0.5
        self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    def forward(
        self, x: Tensor, h0: Tensor | None = None, c0: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Outputs, the last hidden state, and the last cell of an LSTM."""
        time = 1 if self.batch_first else 0
        zeros = x.new_zeros(self.directions, x.shape[1 - time], self.hidden)
        h0 = zeros if h0 is None else h0
        state = (h0, zeros if c0 is None else c0) if self.lstm else h0
        x = x.flip(time) if self.reverse else x
        weights = list(self.parameters())
        options = 1, 0.0, self.training, self.directions == 2, self.batch_first
        y, *last = self.run(x, state, weights, self.bias, *options)
        return (y.flip(time) if self.reverse else y), *last
''')

ACTIVATION = helper('''
def recurrent_activation(
    name: str, x: Tensor, alpha: float, beta: float, clip: float | None
) -> Tensor:
    """The activations of recurrent layers; ``clip`` bounds what goes in."""
    x = x if clip is None else x.clamp(-clip, clip)
    if name == "affine":
        return alpha * x + beta
    if name == "scaled_tanh":
        return alpha * torch.tanh(beta * x)
    if name == "hard_sigmoid":
        return (alpha * x + beta).clamp(0, 1)
    if name == "leaky_relu":
        return torch.where(x >= 0, x, alpha * x)
    if name == "thresholded_relu":
        return torch.where(x >= alpha, x, torch.zeros_like(x))
    if name == "elu":
        return F.elu(x, alpha)
    plain = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu}
    return (plain | {"softsign": F.softsign, "softplus": F.softplus})[name](x)
''')

LOOPED = helper('''
class LoopedRecurrent(nn.Module):
    """A recurrent layer, step by step: any activations, lengths, clipping, peepholes."""

    def __init__(
        self,
        kind: str,
        features: int,
        hidden: int,
        activations: tuple[tuple[str, float, float, float | None], ...],
        directions: tuple[bool, ...] = (False,),
        bias: bool = True,
        batch_first: bool = True,
        peephole: bool = False,
        coupled: bool = False,
        linear_before_reset: bool = True,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.hidden = hidden
        self.activations = activations
        self.directions = directions
        self.batch_first = batch_first
        self.coupled = coupled
        self.linear_before_reset = linear_before_reset
        rows = hidden * {"lstm": 4, "gru": 3}.get(kind, 1)
        shapes = {"weight_ih": (rows, features), "weight_hh": (rows, hidden)}
        if bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if peephole:
            shapes |= {"peephole": (3 * hidden,)}
        for end in ("", "_reverse")[: len(directions)]:
            for name, shape in shapes.items():
                start = torch.empty(shape).uniform_(-(hidden**-0.5), hidden**-0.5)
                self.register_parameter(name + end, nn.Parameter(start))

    def forward(
        self,
        x: Tensor,
        h0: Tensor | None = None,
        c0: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Outputs, the last hidden state, and the last cell of an LSTM."""
        x = x.transpose(0, 1) if self.batch_first else x
        found = []
        for number, reverse in enumerate(self.directions):
            zeros = x.new_zeros(x.shape[1], self.hidden)
            states = [zeros if s is None else s[number] for s in (h0, c0)]
            states = states if self.kind == "lstm" else states[:1]
            found.append(self.walk(x, states, lengths, reverse, ("", "_reverse")[number]))
        y = torch.cat([outputs for outputs, _ in found], dim=-1)
        y = y.transpose(0, 1) if self.batch_first else y
        last = zip(*(states for _, states in found), strict=True)
        return y, *(torch.stack(states) for states in last)

    def walk(
        self, x: Tensor, states: list[Tensor], lengths: Tensor | None, reverse: bool, end: str
    ) -> tuple[Tensor, list[Tensor]]:
        """One direction; beyond a sample's length its state rests and its output is 0."""
        weight = {
            name: getattr(self, name + end, None)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "peephole")
        }
        given = F.linear(x, weight["weight_ih"], weight["bias_ih"])
        outputs = [states[0]] * len(x)
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            after = self.cell(given[t], states, weight)
            outputs[t] = after[0]
            if lengths is not None:
                live = (t < lengths)[:, None]
                pairs = zip(after, states, strict=True)
                after = [torch.where(live, new, old) for new, old in pairs]
                outputs[t] = torch.where(live, after[0], torch.zeros_like(after[0]))
            states = after
        return torch.stack(outputs), states

    def act(self, number: int, x: Tensor) -> Tensor:
        """One of the activations."""
        return recurrent_activation(self.activations[number][0], x, *self.activations[number][1:])

    def cell(
        self, given: Tensor, states: list[Tensor], weight: dict[str, Tensor | None]
    ) -> list[Tensor]:
        """One step."""
        hidden, matrix, bias = states[0], weight["weight_hh"], weight["bias_hh"]
        if self.kind == "rnn":
            return [self.act(0, given + F.linear(hidden, matrix, bias))]
        size = self.hidden
        if self.kind == "gru":
            first = None if bias is None else bias[: 2 * size]
            last = None if bias is None else bias[2 * size :]
            both = self.act(0, given[:, : 2 * size] + F.linear(hidden, matrix[: 2 * size], first))
            reset, update = both.chunk(2, dim=1)
            if self.linear_before_reset:
                recurrent = reset * F.linear(hidden, matrix[2 * size :], last)
            else:
                recurrent = F.linear(reset * hidden, matrix[2 * size :], last)
            new = self.act(1, given[:, 2 * size :] + recurrent)
            return [(1 - update) * new + update * hidden]
        cell = states[1]
        entry, forget, new, out = (given + F.linear(hidden, matrix, bias)).chunk(4, dim=1)
        peep = weight["peephole"]
        peeps = (0.0, 0.0, 0.0) if peep is None else peep.chunk(3)
        admitted = self.act(0, entry + peeps[0] * cell)
        kept = 1 - admitted if self.coupled else self.act(0, forget + peeps[1] * cell)
        after = kept * cell + admitted * self.act(1, new)
        return [self.act(0, out + peeps[2] * after) * self.act(2, after), after]
''')

USUAL: dict[str, tuple[str, ...]] = {
    "lstm": ("sigmoid", "tanh", "tanh"),
    "gru": ("sigmoid", "tanh"),
}
NUMBERS = {
    "affine": (1.0, 0.0),
    "leaky_relu": (0.01, 0.0),
    "thresholded_relu": (1.0, 0.0),
    "scaled_tanh": (1.0, 1.0),
    "hard_sigmoid": (0.2, 0.5),
    "elu": (1.0, 0.0),
}
"""The usual alpha and beta of activations that have them."""


def fused(n: Site) -> str | None:
    """The kind of torch's layer that says the same."""
    op = n.op
    special = any(getattr(op, name, None) for name in ("peephole", "coupled", "clip"))
    if special or "lengths" in n or op.alpha is not None or op.beta is not None:
        return None
    if op.name == "rnn":
        return op.activation if op.activation in ("tanh", "relu") else None
    if not getattr(op, "linear_before_reset", True) or op.functions != USUAL[op.name]:
        return None
    return str(op.name)


@emits("rnn", "gru", "lstm")
def recurrent(n: Site) -> Answer:
    """A module of our own, whose weights have our names."""
    if not n.own or n.type("x").dtype != "float32" or not isinstance(n.shape("x")[-1], int):
        return None
    op, kind = n.op, fused(n)
    size = ("features", n.shape("x")[-1]), ("hidden", op.hidden_size)
    common: dict[str, Any] = {"bias": (op.bias, True)}
    if kind is not None:
        module = n.module(
            RECURRENT,
            ("kind", kind),
            *size,
            call=n.rest("x", "h0", "c0"),
            **common,
            bidirectional=(op.direction == "bidirectional", False),
            reverse=(op.direction == "reverse", False),
            batch_first=(op.batch_first, True),
        )
        return n.all_of(module)
    call = n.rest("x", "h0", "c0")
    module = n.module(
        LOOPED,
        ("kind", op.name),
        *size,
        ("activations", activations(n)),
        call=f"{call}, lengths={n['lengths']}" if "lengths" in n else call,
        directions=(op.backwards, (False,)),
        **common,
        batch_first=(op.batch_first, True),
        peephole=(getattr(op, "peephole", False), False),
        coupled=(getattr(op, "coupled", False), False),
        linear_before_reset=(getattr(op, "linear_before_reset", True), True),
    )
    return n.all_of(module)


def activations(n: Site) -> tuple[tuple[str, float, float, float | None], ...]:
    """Name, numbers and bound of each activation; the cell is read without a bound."""
    names = n.op.functions
    pairs = [NUMBERS.get(name, (0.0, 0.0)) for name in names]
    alphas = spread_over(n.op.alpha, [pair[0] for pair in pairs])
    betas = spread_over(n.op.beta, [pair[1] for pair in pairs])
    clips = (n.op.clip, n.op.clip, None)
    return tuple(zip(names, alphas, betas, clips, strict=False))


def spread_over(given: Any, usual: list[float]) -> list[float]:
    """One number for each activation."""
    if given is None:
        return usual
    listed = given if isinstance(given, tuple) else (given,) * len(usual)
    return [float(value) for value in listed]
