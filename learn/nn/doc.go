// Package nn holds layers that methods of several rooms share, one or a few of a kind a file. A layer is made with
// its sizes, a name for its parameters and a seed; equal seeds and names give equal first values, of PyTorch's
// default distributions. Each was compared with PyTorch: output, gradients and five steps of SGD, to 1e-5
// (experiments/reference/nn.py).
//
//   - Forward computes on a tape. A shape that does not fit is the tape's error, which names the layer or the
//     operation; Forward then returns a value that later operations pass on.
//   - Layers that behave differently in training take a Pass: Eval, or Train(step). Nothing else switches them.
//   - Params are all trainable values. A layer with state beside them (running statistics) has Walk; a layer that
//     holds such a layer has Walk too. Walk does not visit parameters, whose owner does.
//   - Images are [N, height, width, channels], sequences [B, T, width]: what is mixed by products is the last axis.
//   - Biases are in the group learn.BiasGroup, scales and shifts of norms in learn.NormGroup, so that an optimizer can
//     spare them weight decay.
package nn
