//! The mathematics of npg and its sampling, compared with a second, plain implementation of both.
//!
//! Each row names a mistake of public code and the test that would catch it:
//!
//! | mistake | test |
//! |---|---|
//! | the KL of a step is 2 eps; alpha called a KL | `steps::a_budget_is_the_predicted_kl_of_the_step` |
//! | a sampled matrix of rank one called Fisher | `fisher::its_rank_on_one_state_is_that_of_the_metric` |
//! | log std left out of the Fisher | `fisher::log_std_parameters_are_part_of_it` |
//! | CG reports a residual that x does not have | `steps::the_reported_residual_is_the_true_one` |
//! | KL measured between a policy and itself | `divergence::the_measured_kl_is_between_two_policies` |
//! | KL in the other direction | `divergence::a_comparison_is_what_it_says` |
//! | time limits as termination, wrong bootstrap, leaks | `sampling::time_limits_are_not_termination_and_nothing_leaks` |
//! | normalizer moved between sampling and updating | `sampling::nothing_moves_between_sampling_and_updating` |
//! | a failed line search keeps what it tried | `refusals::a_line_search_that_fails` |
//! | `abs` around g^T x | `refusals::a_direction_that_points_downhill` |
//! | NaN replaced by 0 | `refusals::advantages_that_are_not_finite` |
//! | advantages normalized in each worker | `sampling::advantages_are_normalized_over_the_whole_batch` |

#![allow(clippy::unwrap_used)] // a test: its helpers may panic too

mod oracle;

mod budget;
mod cases;
mod divergence;
mod embedded;
mod fisher;
mod gradient;
mod invariance;
mod promises;
mod refusals;
mod steps;

mod scripted;

mod endings;
mod exploration;
mod reproducible;
mod sampling;
mod wide;
