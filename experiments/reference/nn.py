"""PyTorch's layers: output, gradients and five steps of SGD, for the tests of learn/nn.

Each case writes learn/nn/testdata/CASE.txt: inputs, first values of the parameters (start.), output y, the loss
sum(y*r), its gradients (grad.), the losses before each of five steps of SGD (lr .1, momentum .9) and the parameters
after them (end.). Weights stand in Sluice's layout. Run: python nn.py [CASE ...]  (torch 2.x, CPU)
"""
import sys

import torch
from fixture import Fixture
from torch import nn

torch.set_num_threads(1)
same = lambda w: w
turned = lambda w: w.T
last = lambda x: x.permute(0, 2, 3, 1) if x.ndim == 4 else x  # channels last


def rand(seed, *shape, scale=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def linear(ours, layer):
    out = {ours + ".weight": (layer.weight, turned)}
    if layer.bias is not None:
        out[ours + ".bias"] = (layer.bias, same)
    return out


def norm(ours, layer):
    return {ours + ".weight": (layer.weight, same), ours + ".bias": (layer.bias, same)}


def attention(ours, layer):
    return {ours + ".in.weight": (layer.in_proj_weight, turned), ours + ".in.bias": (layer.in_proj_bias, same),
            **linear(ours + ".out", layer.out_proj)}


def encoder_layer(ours, layer):
    return {**attention(ours + ".self_attn", layer.self_attn), **linear(ours + ".linear1", layer.linear1),
            **linear(ours + ".linear2", layer.linear2), **norm(ours + ".norm1", layer.norm1), **norm(ours + ".norm2", layer.norm2)}


def decoder_layer(ours, layer):
    return {**attention(ours + ".self_attn", layer.self_attn), **attention(ours + ".cross_attn", layer.multihead_attn),
            **linear(ours + ".linear1", layer.linear1), **linear(ours + ".linear2", layer.linear2), **norm(ours + ".norm1", layer.norm1),
            **norm(ours + ".norm2", layer.norm2), **norm(ours + ".norm3", layer.norm3)}


def spread(params, seed):
    """Moves every parameter off values such as 0 and 1, where a mistake would not show."""
    for i, (p, _) in enumerate(params.values()):
        p.data += rand(1000 * seed + i, *p.shape, scale=.1)


def run(name, params, forward, inputs, extra=None, end=None, lr=.1, turn=same):
    """inputs: name -> tensor, those of floats with a gradient. turn: from PyTorch's layout of x and y to Sluice's."""
    out = Fixture(f"learn/nn/testdata/{name}.txt")
    spread(params, len(name))
    for k, v in inputs.items():
        if v.is_floating_point():
            v.requires_grad_()
        out.put(k, turn(v))
    for k, v in (extra or {}).items():
        out.put(k, v)
    for k, (p, to) in params.items():
        out.put("start." + k, to(p))
    opt = torch.optim.SGD([p for p, _ in params.values()] or [torch.zeros(1, requires_grad=True)], lr=lr, momentum=.9)
    losses, r = [], None
    for step in range(5):
        opt.zero_grad()
        for v in inputs.values():
            v.grad = None
        y = forward(**inputs)
        if r is None:
            r = rand(77, *y.shape)
            r /= r.numel() ** .5
        loss = (y * r).sum()
        loss.backward()
        if step == 0:
            out.put("r", turn(r))
            out.put("y", turn(y))
            for k, (p, to) in params.items():
                out.put("grad." + k, to(p.grad))
            for k, v in inputs.items():
                if v.is_floating_point():
                    out.put("grad." + k, turn(v.grad))
        losses.append(loss.item())
        opt.step()
    out.put("losses", losses)
    for k, (p, to) in params.items():
        out.put("end." + k, to(p))
    for k, v in (end() if end else {}).items():
        out.put("end." + k, v)
    out.write()


CASES = {}


def case(f):
    CASES[f.__name__] = f
    return f


@case
def linear_layer():
    l = nn.Linear(5, 3)
    run("linear", linear("l", l), lambda x: l(x), {"x": rand(1, 2, 2, 5)})


@case
def mlp():
    m = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU())
    run("mlp", {**linear("m.0", m[0]), **linear("m.1", m[2])}, lambda x: m(x), {"x": rand(2, 7, 5)})


@case
def embedding():
    e = nn.Embedding(6, 3)
    run("embedding", {"e.weight": (e.weight, same)}, lambda ids: e(ids), {"ids": torch.tensor([2, 5, 2, 0])})


@case
def layer_norm():
    l = nn.LayerNorm(6)
    run("layer_norm", norm("n", l), lambda x: l(x), {"x": rand(3, 2, 3, 6)})


@case
def activations():
    act = {"relu": torch.relu, "gelu": nn.functional.gelu, "silu": nn.functional.silu, "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
           "leaky_relu": lambda x: nn.functional.leaky_relu(x, .2)}
    for name, f in act.items():
        run(name, {}, f_of(f), {"x": rand(4, 3, 5, scale=2)})


def f_of(f):
    return lambda x: f(x)


@case
def attention_self():
    m = nn.MultiheadAttention(8, 2, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    run("attention_self", attention("a", m), lambda x: m(x, x, x, attn_mask=mask, need_weights=False)[0], {"x": rand(5, 2, 5, 8)})


@case
def attention_cross():
    m = nn.MultiheadAttention(8, 4, batch_first=True)
    lengths = torch.tensor([3, 4])
    hide = torch.arange(4)[None, :] >= lengths[:, None]
    run("attention_cross", attention("a", m), lambda x, memory: m(x, memory, memory, key_padding_mask=hide, need_weights=False)[0],
        {"x": rand(6, 2, 3, 8), "memory": rand(7, 2, 4, 8)})


@case
def encoder():
    for name, kind in {"encoder_post": dict(norm_first=False), "encoder_pre": dict(norm_first=True, activation="gelu")}.items():
        l = nn.TransformerEncoderLayer(6, 2, 8, 0.0, batch_first=True, **kind)
        e = nn.TransformerEncoder(l, 2, norm=nn.LayerNorm(6) if kind["norm_first"] else None, enable_nested_tensor=False)
        params = {**encoder_layer("t.layers.0", e.layers[0]), **encoder_layer("t.layers.1", e.layers[1])}
        if e.norm is not None:
            params |= norm("t.norm", e.norm)
        run(name, params, lambda x: e(x), {"x": rand(8, 2, 4, 6)}, lr=.02)


@case
def decoder():
    for name, first in {"decoder_post": False, "decoder_pre": True}.items():
        l = nn.TransformerDecoderLayer(6, 2, 8, 0.0, batch_first=True, norm_first=first)
        d = nn.TransformerDecoder(l, 1, norm=nn.LayerNorm(6) if first else None)
        params = decoder_layer("t.layers.0", d.layers[0])
        if d.norm is not None:
            params |= norm("t.norm", d.norm)
        mask = nn.Transformer.generate_square_subsequent_mask(4)
        run(name, params, lambda x, memory: d(x, memory, tgt_mask=mask), {"x": rand(9, 2, 4, 6), "memory": rand(10, 2, 3, 6)}, lr=.02)


def conv(ours, layer):
    kernel = lambda w: w.permute(2, 3, 1, 0)
    if isinstance(layer, nn.ConvTranspose2d):
        kernel = lambda w: w.permute(0, 2, 3, 1)
    out = {ours + ".weight": (layer.weight, kernel)}
    if layer.bias is not None:
        out[ours + ".bias"] = (layer.bias, same)
    return out


@case
def conv2d():
    c = nn.Conv2d(2, 3, (3, 2), stride=2, padding=1, dilation=1)
    run("conv2d", conv("c", c), lambda x: c(x), {"x": rand(13, 2, 2, 5, 4)}, turn=last)
    d = nn.Conv2d(2, 2, 3, padding=2, dilation=2, bias=False)
    run("conv2d_dilated", conv("c", d), lambda x: d(x), {"x": rand(14, 1, 2, 5, 5)}, turn=last)


@case
def conv_transpose2d():
    c = nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1)
    run("conv_transpose2d", conv("c", c), lambda x: c(x), {"x": rand(15, 2, 3, 3, 2)}, turn=last)
    d = nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1)
    run("conv_transpose2d_to", conv("c", d), lambda x: d(x), {"x": rand(16, 1, 2, 3, 3)}, turn=last)


@case
def group_norm():
    for name, groups in {"group_norm": 2, "instance_norm": 4}.items():
        g = nn.GroupNorm(groups, 4)
        run(name, norm("g", g), lambda x: g(x), {"x": rand(17, 2, 4, 3, 2) + 1}, turn=last)


class Block(nn.Module):
    """The basic block of arXiv:1512.03385."""

    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.short = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if i != o or stride > 1 else None

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (self.short(x) if self.short else x))

    def params(self, ours):
        out = {**conv(ours + ".conv1", self.conv1), **norm(ours + ".bn1", self.bn1), **conv(ours + ".conv2", self.conv2), **norm(ours + ".bn2", self.bn2)}
        if self.short:
            out |= {**conv(ours + ".short.conv", self.short[0]), **norm(ours + ".short.bn", self.short[1])}
        return out


@case
def resnet():
    stem, bn = nn.Conv2d(2, 3, 3, 1, 1, bias=False), nn.BatchNorm2d(3)
    blocks = nn.Sequential(Block(3, 3, 1), Block(3, 4, 2))
    params = {**conv("r.conv1", stem), **norm("r.bn1", bn), **blocks[0].params("r.layer1.0"), **blocks[1].params("r.layer2.0")}
    state = lambda: {"running_mean": blocks[1].bn2.running_mean, "running_var": blocks[1].bn2.running_var}
    run("resnet", params, lambda x: blocks(torch.relu(bn(stem(x)))).mean((2, 3)), {"x": rand(18, 3, 2, 5, 5)}, end=state, turn=last)


class Double(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))

    def params(self, ours):
        return {**conv(ours + ".conv1", self.conv1), **norm(ours + ".bn1", self.bn1), **conv(ours + ".conv2", self.conv2), **norm(ours + ".bn2", self.bn2)}


@case
def unet():
    down0, down1, up0 = Double(1, 2), Double(2, 4), Double(4, 2)
    grow0, out = nn.ConvTranspose2d(4, 2, 2, 2), nn.Conv2d(2, 1, 1)
    params = {**down0.params("u.down0"), **down1.params("u.down1"), **conv("u.grow0", grow0), **up0.params("u.up0"), **conv("u.out", out)}

    def forward(x):
        a = down0(x)
        b = down1(nn.functional.max_pool2d(a, 2))
        return out(up0(torch.cat([a, grow0(b)], 1)))

    run("unet", params, forward, {"x": rand(19, 2, 1, 6, 4)}, turn=last)


@case
def batch_norm():
    b = nn.BatchNorm1d(4)
    state = lambda: {"running_mean": b.running_mean, "running_var": b.running_var, "eval": eval_of(b, rand(12, 3, 4))}
    run("batch_norm", norm("b", b), lambda x: b(x), {"x": rand(11, 6, 4) + 3}, extra={"x_eval": rand(12, 3, 4)}, end=state)


def eval_of(m, x):
    m.eval()
    with torch.no_grad():
        return m(x)


if __name__ == "__main__":
    for name, f in CASES.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            torch.manual_seed(len(name))
            f()
