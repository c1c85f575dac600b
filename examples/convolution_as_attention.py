"""Attention is the general case: a convolution is attention that looks at fixed places.

One head for each place (u, v) of a 3 x 3 filter: from pixel (i, j) it sees (i + u - 1, j + v - 1)
alone, or nothing outside of the image.  Source: Cordonnier et al. 2020, arXiv 1911.03584.
"""

import numpy as np

import framework as fw

MODEL = """
format: 1
inputs: {image: [1, 4, 6, 6], sees: {shape: [9, 36, 36], dtype: bool}}
nodes:
  - conv: {out: 5, kernel: 3, pad: 1, bias: false}
    in: image
    id: conv
  - rearrange: "b c h w -> b (h w) c"
    in: image
    id: x
  - multi_head_attention: {heads: 9, width: 9*4, out: 5, bias: false}
    in: {q: x, k: x, v: x, keep: sees}
    id: mix
  - rearrange: {pattern: "b (h w) o -> b o h w", h: 6}
    id: attention
outputs: {conv: conv, attention: attention}
"""
model = fw.loads(MODEL)
place, offset = np.indices((6, 6)).reshape(2, -1), np.indices((3, 3)).reshape(2, -1) - 1
target = place[:, None, :] + offset[:, :, None]  # where each head looks from each pixel
sees = (target[..., None] == place[:, None, None, :]).all(0)

weights = dict(model.weights)  # q and k stay random: with one pixel to see, they do not matter
weights["mix.v.weight"] = np.tile(np.eye(4, dtype=np.float32), (9, 1))  # every head copies it
weights["mix.out.weight"] = weights["conv.weight"].transpose(0, 2, 3, 1).reshape(5, 9 * 4)
model.set_weights(weights)
run = model.run(np.random.default_rng(0).standard_normal((1, 4, 6, 6), np.float32), sees)
print(f"convolution and attention differ by {(error := abs(run['conv'] - run['attention']).max())}")
raise SystemExit(0 if error < 1e-5 else "they disagree")
