"""Five steps of PyTorch's optimizers, as the constants in learn/optim/torch_test.go.

A weight of four values and a table of four rows by two get fixed gradients; the table's touch two rows a step.
Run: python optim.py  (torch 2.x, CPU)
"""
import torch

W0 = [0.5, -1.0, 0.25, 2.0]
GRADS = [[0.1, -0.2, 0.3, -0.4], [0.05, 0.0, -0.3, 0.2], [-1.0, 0.5, 0.25, 0.125], [0.01, 0.02, -0.03, 0.04], [0.3, 0.3, 0.3, -0.3]]
T0 = [[0.1, 0.2], [-0.3, 0.4], [0.5, -0.6], [0.7, 0.8]]
TOUCHED = [[0, 2], [2, 1], [0, 2], [3, 1], [0, 1]]  # rows of each step; the gradient of the row is the step's values


def whole(make):
    w = torch.nn.Parameter(torch.tensor(W0))
    o = make([w])
    for g in GRADS:
        w.grad = torch.tensor(g)
        o.step()
    return w.detach().flatten()


def table(make, sparse):
    w = torch.nn.Parameter(torch.tensor(T0))
    o = make([w])
    for g, rows in zip(GRADS, TOUCHED):
        values = torch.tensor(g).reshape(2, 2)
        if sparse:
            w.grad = torch.sparse_coo_tensor(torch.tensor([rows]), values, (4, 2), check_invariants=False)
        else:
            w.grad = torch.zeros(4, 2).index_add_(0, torch.tensor(rows), values)
        o.step()
    return w.detach().flatten()


def show(name, v):
    print(f'\t"{name}": {{' + ", ".join(f"{x:.9g}" for x in v.tolist()) + "},")


o = torch.optim
show("sgd", whole(lambda p: o.SGD(p, lr=.1, momentum=.9, weight_decay=.01)))
show("adagrad", whole(lambda p: o.Adagrad(p, lr=.1, initial_accumulator_value=.1)))
show("adagrad table", table(lambda p: o.Adagrad(p, lr=.1), True))
show("adam", whole(lambda p: o.Adam(p, lr=.1, weight_decay=.01)))
show("adam dense table", table(lambda p: o.Adam(p, lr=.1, weight_decay=.01), False))
show("adam touched table", table(lambda p: o.SparseAdam(p, lr=.1), True))
