"""The engine trains K runs of one shape together in one process.

`plain` is the reference, one `nn.Module` at a time with autograd. `mlp` is the same algorithm with
a hand-written backward pass over stacked parameters. `grouped` trains convolutional networks side
by side as groups of channels. `vmapped` maps any other module. `choose` selects the path of a
model, and how many members take their steps side by side. docs/performance.md has the measured
speeds.
"""
