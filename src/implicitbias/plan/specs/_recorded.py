"""What the quantities are that networks in training record, with their units."""

_OF_LAYERS = {
    "fro_norm": "||W||_F of each weight matrix [1].",
    "spectrum": "Singular values s_1 >= s_2 >= ... of each weight matrix; kernels as (out, in x"
    " kernel area) [1].",
}
SGD = {
    "train_loss": "Mean loss over the training set, in evaluation mode, without decay [1].",
    "train_accuracy": "Share of the training set that is classified correctly [1].",
    "test_loss": "Mean loss over the test set, in evaluation mode, without decay [1].",
    "test_accuracy": "Share of the test set that is classified correctly [1].",
    **_OF_LAYERS,
    "movement": "||D||, ||A||, ||D + A|| and ||W before|| in Frobenius norm: D the change of W over"
    " the last movement_epochs, A the sum of lr weight_decay W over their steps [1].",
    "unrolling": "n, ||W_T - (p W_{T-n} - S)||, ||W_{T-n}||, ||W_T|| and ||S|| in Frobenius norm: S"
    " the decayed sum of lr times the gradients of the last n steps, by autograd [1].",
    "batch_gradients": "Singular values of the gradient on the first b examples of the next epoch,"
    " a row for each b of gradient_sizes; in float64, without decay [1].",
    "batch_summands": "For each b, ||d||_F ||x||_F: the size of the products that the gradient"
    " sums [1].",
    "sample_gradients": "As batch_gradients, of single examples, a row each; none with batch"
    " normalisation [1].",
    "sample_summands": "As batch_summands, of single examples [1].",
    "gradient_sizes": "The batch sizes b of batch_gradients [examples].",
    "patches": "m_l, how often the layer is applied to one example [1].",
    "batch_residual": "||G_S + weight_decay W|| / (weight_decay ||W||) in Frobenius norm, G_S the"
    " gradient on S, for up to 100 whole mini-batches S of the next epoch [1].",
    "residual_rank": "m_l B, the largest rank of G_S [1].",
    "unit_roundoff": "Half the distance from 1 to the next number of the run's precision [1].",
    "window_steps": "Lengths n of the windows that end at the record [steps].",
    "window_rank": "For each n, m_l times the examples of its steps: the largest rank of W_T - p"
    " W_{T-n} [1].",
    "window_product": "For each n, p: the product of 1 - lr weight_decay over its steps [1].",
    "window_fro": "For each n, ||W_{T-n}||_F [1].",
    "window_spec": "For each n, ||W_{T-n}||_2 [1].",
    "window_rest": "Singular values of W_T - p W_{T-n}, a row for each n [1].",
}
SQUARE_SGD = {
    "train_loss": "Mean loss over the training set with the labels that it is trained on, in"
    " evaluation mode, without decay [1].",
    "train_accuracy": "Share of the training set with a positive margin, by those labels [1].",
    "test_loss": "Mean loss over the test set, in evaluation mode, without decay [1].",
    "test_accuracy": "Share of the test set with a positive margin [1].",
    **_OF_LAYERS,
    "rho": "Product of the matrices' Frobenius norms; with batch normalisation over the norms of"
    " its running deviations [1].",
    "alignment": "mu, the mean over training examples of <t, f>, f = outputs / rho [1].",
    "output_square": "M, the mean over training examples of ||f||^2 [1].",
    "target_square": "The mean over training examples of ||t||^2 [1].",
    "decay_lambda": "lambda of (1/N) sum ||outputs - t||^2 + lambda ||W||^2: weight_decay / 2, for"
    " loss mse times the C outputs [1].",
    "margin_mean": "Mean over training examples of the margin: the output of the label less the"
    " largest other one, of one output y g; not over rho [1].",
    "margin_std": "Standard deviation of the training margins, with 1/N [1].",
    "margin_min": "Smallest training margin [1].",
    "test_margin_mean": "Mean margin over the test set [1].",
    "gradient_norm": "Frobenius norm, by layer, of the gradient over the whole training set: with"
    " decay, or of a layer on the sphere its tangent part [1].",
    "movement": "||W - W before||_F over the last epoch [1].",
    "bn_norm": "Norm of a batch normalisation's running deviations, by its module's name [1].",
    "toeplitz_norm": "||T(W)||_F at the end, T(W) the matrix that a convolution is on its images,"
    " or W itself [1].",
    "kernel_positions": "Positions of a kernel, or pixels that a linear layer flattens [1].",
    "input_square_sum": "Sum over training examples of ||x||^2 [1].",
    "patch_square_sum": "Largest over the first layer's positions of the sum over training examples"
    " of ||patch of x||^2 [1].",
    "margins": "Margin of each training example, not over rho [1].",
    "test_margins": "Margin of each test example, not over rho [1].",
    "class_counts": "Training examples of each class [examples].",
    "class_gram": "M^T M (C, C), M the class means of the features h that enter the head [1].",
    "class_scatter": "For each class the mean of ||h - its mean||^2 [1].",
    "mean_scatter": "M^T Sigma M (C, C), Sigma the mean of (h - mean)(h - mean)^T within"
    " classes [1].",
    "head_gram": "W W^T (C, C) of the head [1].",
    "head_means": "W M (C, C) [1].",
    "ncc_table": "Training examples by class of the largest output (rows) and of the nearest class"
    " mean (columns) [examples].",
    "output_mean": "Mean outputs of each class (rows), in units of one-hot targets [1].",
    "output_misfit": "Mean over each class of the squared difference of outputs and one-hot"
    " targets [1].",
    "sample_residual": "||f V_k - df/dV_k||_F of each of the first 128 training examples, f its"
    " margin with every layer at norm 1 [1].",
    "sample_sine": "The same over ||df/dV_k||_F: the sine of the angle between the two, in"
    " [0, 1] [1].",
}
