"""What an exercise's answer got right, what not, and one hint.

Every `check_*` takes the learner's answer and returns a `Result`, whatever the answer is: wrong, unfinished,
failing or, on Unix and in the main thread, endless. A check tests properties and never a stored random value,
so that any correct answer passes. Each module holds the exercises of one subject.
"""

from resnet_edu.checks.blocks import (
    check_bottleneck,
    check_identity_block,
    check_relu_position,
    check_residual_block,
)
from resnet_edu.checks.builders import check_projection, check_resnet_v1, check_resnet_v2, check_stride_position
from resnet_edu.checks.costs import check_conv_cost, check_count_parameters, check_fair_depth
from resnet_edu.checks.degradation import check_best_rate, check_dead_channels, check_thrown_length
from resnet_edu.checks.imagenet import (
    check_bottleneck_weights,
    check_count_layers,
    check_fold_bias,
    check_vgg_cost,
)
from resnet_edu.checks.inside import (
    check_accuracy_without,
    check_autocorrelation,
    check_branch_scale,
    check_filter_normalize,
    check_path_share,
)
from resnet_edu.checks.plain_vs_residual import (
    check_effect,
    check_identity_kernel,
    check_trend_and_level,
    check_verdict,
)
from resnet_edu.checks.predictions import check_prediction
from resnet_edu.checks.recipes import (
    check_crop_and_flip,
    check_hold_out,
    check_l2_factor,
    check_monitor,
    check_reduced_rate,
)
from resnet_edu.checks.shortcuts import check_gate_bias, check_padding_shortcut, check_passed_on
from resnet_edu.checks.signal_or_gradient import check_first_step, check_interaction, check_scale_for
from resnet_edu.checks.start_here import check_depth
from resnet_edu.checks.vanishing_gradients import (
    check_backward_norms,
    check_he_stddev,
    check_rescue,
    check_shrink_factor,
)

__all__ = [
    "check_accuracy_without",
    "check_autocorrelation",
    "check_backward_norms",
    "check_best_rate",
    "check_bottleneck",
    "check_bottleneck_weights",
    "check_branch_scale",
    "check_conv_cost",
    "check_count_layers",
    "check_count_parameters",
    "check_crop_and_flip",
    "check_dead_channels",
    "check_depth",
    "check_effect",
    "check_fair_depth",
    "check_filter_normalize",
    "check_first_step",
    "check_fold_bias",
    "check_gate_bias",
    "check_he_stddev",
    "check_hold_out",
    "check_identity_block",
    "check_identity_kernel",
    "check_interaction",
    "check_l2_factor",
    "check_monitor",
    "check_padding_shortcut",
    "check_passed_on",
    "check_path_share",
    "check_prediction",
    "check_projection",
    "check_reduced_rate",
    "check_relu_position",
    "check_rescue",
    "check_residual_block",
    "check_resnet_v1",
    "check_resnet_v2",
    "check_scale_for",
    "check_shrink_factor",
    "check_stride_position",
    "check_thrown_length",
    "check_trend_and_level",
    "check_verdict",
    "check_vgg_cost",
]
