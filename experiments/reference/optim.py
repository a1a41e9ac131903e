"""Five steps of PyTorch's optimizers and the factors of its schedules, for the tests of learn/optim.

A weight of four values and a table of four rows by two get fixed gradients; the table's touch two rows a step.
Writes learn/optim/testdata/optim.txt. Run: python optim.py  (torch 2.x, CPU)
"""
import warnings

import torch
from fixture import Fixture

warnings.filterwarnings("ignore")
W0 = [0.5, -1.0, 0.25, 2.0]
GRADS = [[0.1, -0.2, 0.3, -0.4], [0.05, 0.0, -0.3, 0.2], [-1.0, 0.5, 0.25, 0.125], [0.01, 0.02, -0.03, 0.04], [0.3, 0.3, 0.3, -0.3]]
T0 = [[0.1, 0.2], [-0.3, 0.4], [0.5, -0.6], [0.7, 0.8]]
TOUCHED = [[0, 2], [2, 1], [0, 2], [3, 1], [0, 1]]  # rows of each step; the gradient of the row is the step's values

out = Fixture("learn/optim/testdata/optim.txt")
out.put("start.w", W0)
out.put("start.table", T0)
out.put("grads", GRADS)
out.put("touched", TOUCHED)


def whole(name, make, clip=None, schedule=None):
    w = torch.nn.Parameter(torch.tensor(W0))
    o = make([w])
    s = schedule(o) if schedule else None
    for i, g in enumerate(GRADS):
        w.grad = torch.tensor(g)
        if clip:
            clip([w])
        o.step()
        if s:
            s.step()
        out.put(f"{name}.{i+1}", w)


def table(name, make, sparse):
    w = torch.nn.Parameter(torch.tensor(T0))
    o = make([w])
    for i, (g, rows) in enumerate(zip(GRADS, TOUCHED)):
        values = torch.tensor(g).reshape(2, 2)
        if sparse:
            w.grad = torch.sparse_coo_tensor(torch.tensor([rows]), values, (4, 2), check_invariants=False)
        else:
            w.grad = torch.zeros(4, 2).index_add_(0, torch.tensor(rows), values)
        o.step()
        out.put(f"{name}.{i+1}", w)


o, sched, clip = torch.optim, torch.optim.lr_scheduler, torch.nn.utils
whole("sgd", lambda p: o.SGD(p, lr=.1, momentum=.9, weight_decay=.01))
whole("sgd_nesterov", lambda p: o.SGD(p, lr=.1, momentum=.9, weight_decay=.01, nesterov=True))
whole("adagrad", lambda p: o.Adagrad(p, lr=.1, initial_accumulator_value=.1))
whole("adam", lambda p: o.Adam(p, lr=.1, weight_decay=.01))
whole("adamw", lambda p: o.AdamW(p, lr=.1, weight_decay=.1))
whole("rmsprop", lambda p: o.RMSprop(p, lr=.02, alpha=.9, weight_decay=.01))
whole("rmsprop_momentum", lambda p: o.RMSprop(p, lr=.02, alpha=.9, momentum=.8))
whole("clip_norm", lambda p: o.SGD(p, lr=.1), clip=lambda p: clip.clip_grad_norm_(p, .4))
whole("clip_value", lambda p: o.SGD(p, lr=.1), clip=lambda p: clip.clip_grad_value_(p, .15))
whole("scheduled", lambda p: o.AdamW(p, lr=.1, weight_decay=.1), schedule=lambda q: sched.CosineAnnealingLR(q, 4, eta_min=.01))
table("adagrad_table", lambda p: o.Adagrad(p, lr=.1), True)
table("adam_dense_table", lambda p: o.Adam(p, lr=.1, weight_decay=.01), False)
table("adam_lazy_table", lambda p: o.Adam(p, lr=.1), False)
table("adam_touched_table", lambda p: o.SparseAdam(p, lr=.1), True)
table("adamw_dense_table", lambda p: o.AdamW(p, lr=.1, weight_decay=.1), False)


def factors(name, make, steps):
    q = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    s, got = make(q), []
    for _ in range(steps):
        got.append(q.param_groups[0]["lr"])
        q.step()
        s.step()
    out.put("schedule." + name, torch.tensor(got, dtype=torch.float64))


factors("step", lambda q: sched.StepLR(q, 3, .5), 12)
factors("step_at", lambda q: sched.MultiStepLR(q, [2, 7], .1), 12)
factors("cosine", lambda q: sched.CosineAnnealingLR(q, 10, eta_min=.05), 11)
factors("warmup", lambda q: sched.SequentialLR(q, [sched.LinearLR(q, .01, total_iters=4), sched.CosineAnnealingLR(q, 8)], [4]), 12)
factors("one_cycle", lambda q: sched.OneCycleLR(q, 1.0, total_steps=20), 20)
factors("constant", lambda q: sched.ConstantLR(q, .25, 3), 6)

# moving average of the weights of the run `adam`, decay 0.9
w, ema = torch.nn.Parameter(torch.tensor(W0)), torch.tensor(W0)
q = o.Adam([w], lr=.1, weight_decay=.01)
for g in GRADS:
    w.grad = torch.tensor(g)
    q.step()
    ema = .9 * ema + .1 * w.detach()
out.put("ema", ema)
out.write()
