"""Self-attention by the lecture's formula, softmax(Q K^T / sqrt(d)) V, against the operator."""

import numpy as np

import framework as fw

MODEL = """
format: 1
dims: {T: {doc: tokens, example: 4}}
inputs: {q: [T, 8], k: [T, 8], v: [T, 8]}
nodes:
  - attention:
    in: {q: q, k: k, v: v}
    id: attend
outputs: {mixed: attend, weights: attend.weights}
"""


def by_hand(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores = q @ k.T / np.sqrt(q.shape[1])  # row i: how well token i's query meets each key
    powers = np.exp(scores - scores.max(1, keepdims=True))
    weights = powers / powers.sum(1, keepdims=True)  # each row sums to 1
    return weights @ v, weights


rng = np.random.default_rng(0)
tokens = rng.standard_normal((4, 8), np.float32)
q, k, v = (tokens @ (rng.standard_normal((8, 8), np.float32) / 8**0.5) for _ in "qkv")
mixed, weights = by_hand(q, k, v)
run = fw.loads(MODEL).run(q=q, k=k, v=v)
print("Row i says where token i looks:", run["weights"].round(2), sep="\n")
error = max(abs(run["mixed"] - mixed).max(), abs(run["weights"] - weights).max())
print(f"largest difference between formula and operator: {error:.1e}")
raise SystemExit(0 if error < 1e-5 else "they disagree")
