"""The bundled models as plain PyTorch modules, and how their weight names map to ours."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

DROPPED = {"{layer...}.num_batches_tracked": None}


def randomised(module, seed=0):
    """The module in inference mode with seeded weights; no bias or statistic stays at 0 or 1.

    The deviation sqrt(2 / fan) keeps signals alive through relu (He et al. 2015): with less,
    the outputs would hardly depend on the image, with more, rounding errors would grow.
    """
    random = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=random)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor += torch.randn(tensor.shape, generator=random) / 5
        elif tensor.is_floating_point():
            deviation = (2 / tensor[0].numel()) ** 0.5
            tensor.copy_(torch.randn(tensor.shape, generator=random) * deviation)
    return module.eval()


def state_of(module):
    """Arrays by name; the projections that PyTorch keeps in one array are taken apart."""
    found = {}
    for name, tensor in module.state_dict().items():
        scope, joined, kind = name.rpartition("in_proj_")
        if joined:
            parts = zip("qkv", tensor.chunk(3), strict=True)
            found |= {f"{scope}{part}_proj.{kind}": piece.numpy() for part, piece in parts}
        else:
            found[name] = tensor.numpy()
    return found


# ---------------------------------------------------------------------- ResNet-18


class BasicBlock(nn.Module):
    def __init__(self, c, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        shortcut = [nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out)]
        self.downsample = nn.Sequential(*shortcut if stride != 1 or c != out else ())

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        features = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return {"logits": self.fc(features.mean((2, 3))), "features": features}


RESNET18 = DROPPED | {
    "conv1.{p}": "stem.conv.{p}",
    "bn1.{p}": "stem.batch_norm.{p}",
    "layer{n}.{i}.conv1.{p}": "layer{n}.basic_block.{i}.conv_bn.conv.{p}",
    "layer{n}.{i}.bn1.{p}": "layer{n}.basic_block.{i}.conv_bn.batch_norm.{p}",
    "layer{n}.{i}.conv2.{p}": "layer{n}.basic_block.{i}.conv_bn_2.conv.{p}",
    "layer{n}.{i}.bn2.{p}": "layer{n}.basic_block.{i}.conv_bn_2.batch_norm.{p}",
    "layer{n}.{i}.downsample.0.{p}": "layer{n}.basic_block.{i}.conv_bn_3.conv.{p}",
    "layer{n}.{i}.downsample.1.{p}": "layer{n}.basic_block.{i}.conv_bn_3.batch_norm.{p}",
}


# ---------------------------------------------------------------------- U-Net


class DoubleConv(nn.Module):
    def __init__(self, c, out):
        super().__init__()
        self.conv, self.batch_norm = nn.Conv2d(c, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.conv_2, self.batch_norm_2 = (
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )

    def forward(self, x):
        y = F.relu(self.batch_norm(self.conv(x)))
        return F.relu(self.batch_norm_2(self.conv_2(y)))


class UNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        pairs = list(zip([3, *widths], widths, strict=False))
        self.encoder = nn.ModuleList([DoubleConv(c, out) for c, out in pairs])
        ups = [(2 * c, c) for c in widths[-2::-1]]
        self.up = nn.ModuleList([nn.ConvTranspose2d(c, out, 2, 2) for c, out in ups])
        self.join = nn.ModuleList([DoubleConv(c, out) for c, out in ups])
        self.mask = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        levels = []
        for step in self.encoder:
            x = step(F.max_pool2d(x, 2) if levels else x)
            levels.append(x)
        for up, join, skip in zip(self.up, self.join, levels[-2::-1], strict=True):
            x = join(torch.cat([skip, up(x)], 1))
        return {"mask": self.mask(x)}


UNET = DROPPED | {
    "encoder.0.{rest...}": "e1.{rest...}",
    "encoder.4.{rest...}": "bottom.double_conv.{rest...}",
    "encoder.{i}.{rest...}": "e{i+1}.double_conv.{rest...}",
    "up.0.{p}": "up.conv_transpose.{p}",
    "up.{i}.{p}": "up_{i+1}.conv_transpose.{p}",
    "join.0.{rest...}": "up.double_conv.{rest...}",
    "join.{i}.{rest...}": "up_{i+1}.double_conv.{rest...}",
}


# ---------------------------------------------------------------------- ViT-B/16


class VisionTransformer(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.patchify = nn.Conv2d(3, 768, 16, 16)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 768))
        self.position = nn.Parameter(torch.zeros(1, 197, 768))
        options = {"batch_first": True, "norm_first": True, "activation": "gelu"}
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(768, 12, 3072, 0.0, layer_norm_eps=1e-6, **options)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(768, eps=1e-6)
        self.head = nn.Linear(768, 1000)

    def forward(self, image):
        patches = self.patchify(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(image), -1, -1), patches], 1) + self.position
        for layer in self.encoder:
            x = layer(x)
        return {"logits": self.head(self.norm(x)[:, 0])}


ATTENTION = "encoder.{i}.fused_attention.multi_head_attention"
VIT = {
    "class_token": "class_token.value",
    "position": "positional.table",
    "encoder.{i}.self_attn.{part}_proj.{p}": f"{ATTENTION}.{{part}}.{{p}}",
    "encoder.{i}.norm1.{p}": "encoder.{i}.layer_norm.{p}",
    "encoder.{i}.norm2.{p}": "encoder.{i}.layer_norm_2.{p}",
    "encoder.{i}.linear1.{p}": "encoder.{i}.linear.{p}",
    "encoder.{i}.linear2.{p}": "encoder.{i}.linear_2.{p}",
    "norm.{p}": "layer_norm.{p}",
}


# ---------------------------------------------------------------------- the 2017 transformer


def sinusoids(length, width):
    """Vaswani et al. 2017, section 3.5, by exp(-log) instead of a power."""
    place = torch.arange(length, dtype=torch.float64)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-torch.log(torch.tensor(1e4)).double() / width))
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], -1).flatten(1).float()


class Transformer(nn.Module):
    def __init__(self, vocab, width, heads, depth):
        super().__init__()
        sizes, options = (width, heads, 4 * width, 0.0), {"batch_first": True, "norm_first": True}
        encoders = [nn.TransformerEncoderLayer(*sizes, **options) for _ in range(depth)]
        decoders = [nn.TransformerDecoderLayer(*sizes, **options) for _ in range(depth)]
        self.embed = nn.Embedding(vocab, width)
        self.encoder, self.decoder = nn.ModuleList(encoders), nn.ModuleList(decoders)
        self.encoded, self.decoded = nn.LayerNorm(width), nn.LayerNorm(width)

    def tokens(self, ids):
        width = self.embed.embedding_dim
        return self.embed(ids) * width**0.5 + sinusoids(ids.shape[1], width)

    def forward(self, source, target, source_keep):
        hidden = ~source_keep[:, 0, 0]
        memory, x = self.tokens(source), self.tokens(target)
        for layer in self.encoder:
            memory = layer(memory, src_key_padding_mask=hidden)
        memory = self.encoded(memory)
        future = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
        for layer in self.decoder:
            x = layer(x, memory, tgt_mask=future, memory_key_padding_mask=hidden)
        return {"logits": self.decoded(x) @ self.embed.weight.T}


TRANSFORMER = {
    "{stack}.{i}.self_attn.{part}_proj.{p}": "{stack}.{i}.multi_head_attention.{part}.{p}",
    "decoder.{i}.multihead_attn.{part}_proj.{p}": "decoder.{i}.multi_head_attention_2.{part}.{p}",
    "{stack}.{i}.norm1.{p}": "{stack}.{i}.n.{p}",
    "encoder.{i}.norm2.{p}": "encoder.{i}.layer_norm.{p}",
    "decoder.{i}.norm2.{p}": "decoder.{i}.n2.{p}",
    "decoder.{i}.norm3.{p}": "decoder.{i}.layer_norm.{p}",
    "{stack}.{i}.linear1.{p}": "{stack}.{i}.mlp.linear.{p}",
    "{stack}.{i}.linear2.{p}": "{stack}.{i}.mlp.linear_2.{p}",
    "encoded.{p}": "memory.{p}",
    "decoded.{p}": "layer_norm.{p}",
}


# ---------------------------------------------------------------------- EfficientNet-Lite0

STAGES = [
    (1, 16, 3, 1, 1), (6, 24, 3, 2, 2), (6, 40, 5, 2, 2), (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3), (6, 192, 5, 2, 4), (6, 320, 3, 1, 1),
]  # fmt: skip


class SameConv(nn.Conv2d):
    """TensorFlow's SAME: ceil(size/stride) results, the odd element of padding at the end."""

    def forward(self, x):
        pads = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, pads))


class MBConv(nn.Module):
    def __init__(self, expand, c, out, kernel, stride):
        super().__init__()
        wide = expand * c
        if expand != 1:
            self._expand_conv = nn.Conv2d(c, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, 1e-3)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, 1e-3)
        self._project_conv = nn.Conv2d(wide, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out, 1e-3)
        self.residual = stride == 1 and c == out

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_bn0") else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """With the weight names of the published file."""

    def __init__(self):
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, 1e-3)
        blocks, c = [], 32
        for expand, out, kernel, stride, repeats in STAGES:
            for copy in range(repeats):
                blocks.append(MBConv(expand, c, out, kernel, 1 if copy else stride))
                c = out
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, 1e-3)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x):
        x = self._blocks(F.relu6(self._bn0(self._conv_stem(x))))
        x = F.relu6(self._bn1(self._conv_head(x)))
        return {"logits": self._fc(x.mean((2, 3)))}
