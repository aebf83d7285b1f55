//! Words of the field that are no names of npg's: what other programs call a setting, and what the screen and the books say.

/// A word and its relatives.
pub(crate) struct Term {
    /// In small letters, with `_` between words.
    pub(crate) words: &'static [&'static str],
    /// What it is, in a sentence or two.
    pub(crate) sentence: &'static str,
    /// The keys and metrics that belong to it, the most important one first.
    pub(crate) see: &'static [&'static str],
}

impl Term {
    /// The key to set where the word is given as a setting.
    pub(crate) fn key(&self) -> Option<&'static str> {
        self.see.first().copied().filter(|name| npg::config::find(name).is_some())
    }
}

/// The term that `word` belongs to.
pub(crate) fn term(word: &str) -> Option<&'static Term> {
    let word = normal(word);
    TERMS.iter().find(|term| term.words.contains(&word.as_str()))
}

/// A name as the table of terms writes it: no dashes in front, small letters, `_` between words.
pub(crate) fn normal(name: &str) -> String {
    name.trim().trim_start_matches('-').to_lowercase().replace([' ', '-'], "_")
}

macro_rules! terms {
    ($($($word:literal)|+ => $sentence:literal $([$($see:literal),+])?;)*) => {
        /// All terms.
        pub(crate) static TERMS: &[Term] =
            &[$(Term { words: &[$($word),+], sentence: $sentence, see: &[$($($see),+)?] }),*];
    };
}

terms! {
    // Settings, as other programs call them.
    "lr" | "learning_rate" | "critic_lr" | "value_lr" | "vf_lr" =>
        "The learning rate of the value baseline. The policy has none: its steps are as long as a budget of KL says."
        ["value.learning_rate", "algorithm.kl_step"];
    "target_kl" | "max_kl" | "delta" | "trust_region_size" | "kl_budget" | "budget" | "policy_lr" | "actor_lr" | "pi_lr" =>
        "The budget of KL that a step of the policy may use: what other algorithms have a learning rate for."
        ["algorithm.kl_step", "npg/kl"];
    "step_size" | "stepsize" | "alpha" =>
        "Alpha, the multiple of the direction x that is added to the parameters. It follows from the KL budget, unless \
         algorithm.step is \"fixed\"."
        ["algorithm.alpha", "algorithm.step", "npg/step_size"];
    "batch" | "batch_size" | "batchsize" | "n_steps" | "nsteps" | "num_steps" | "step_per_collect" | "steps_per_epoch"
        | "timesteps_per_batch" | "horizon" =>
        "Transitions of one iteration, all environments together. Other programs count them for each environment (n_steps), \
         or mean by batch size the minibatch of the critic. In the progress table, batch is the mean return of the \
         episodes that ended in this iteration."
        ["rollout.batch_steps", "rollout.n_envs", "value.minibatch", "rollout/ep_rew_batch"];
    "minibatch" | "mini_batch_size" | "minibatch_size" =>
        "Samples of one step of the critic's Adam. The policy's step takes the whole batch." ["value.minibatch"];
    "num_envs" | "nenvs" | "envs" | "num_workers" | "n_workers" =>
        "Environments that are sampled side by side." ["rollout.n_envs"];
    "total_timesteps" | "timesteps" | "num_timesteps" | "max_steps" | "total_steps" | "n_iter" | "num_iterations" =>
        "Transitions of the whole run, all environments together." ["run.steps", "rollout.batch_steps"];
    "gae" | "gae_lambda" | "lam" | "lambda" | "tau" =>
        "Generalized advantage estimation: advantages as a mixture of long and short estimates, weighted by powers of \
         lambda. 1 trusts the returns alone, 0 the value baseline."
        ["advantage.lambda", "advantage.estimator"];
    "discount" | "discount_factor" | "gamma" =>
        "The discount factor: a reward k steps ahead counts gamma^k." ["advantage.gamma"];
    "clip" | "clip_obs" | "clip_reward" | "clipping" =>
        "Normalized observations and rewards are cut off at this magnitude." ["normalize.clip", "policy.action_bounds"];
    "clip_range" | "clip_param" | "eps_clip" | "clip_ratio" | "clip_coef" =>
        "PPO's clipping of the ratio. There is none here: the KL of a step is bounded instead." ["algorithm.kl_step"];
    "max_grad_norm" | "grad_clip" | "gradient_clipping" =>
        "Gradients are not clipped: the length of a step comes from the KL budget, whatever the gradient's norm."
        ["algorithm.kl_step", "npg/gradient_norm"];
    "ent_coef" | "entropy_coef" | "entropy_coeff" | "entropy_bonus" | "entropy_beta" =>
        "Weight of the policy's entropy beside the advantages: keeps exploration alive."
        ["algorithm.entropy_coefficient", "train/entropy"];
    "vf_coef" | "value_coef" | "value_loss_coef" =>
        "There is none: policy and value baseline are two networks, each with its own update."
        ["value.learning_rate", "value.epochs"];
    "n_epochs" | "epochs" | "critic_epochs" | "vf_iters" | "n_critic_updates" | "train_v_iters" | "optim_critic_iters" =>
        "Passes of the value baseline over the batch. The policy takes one step an iteration." ["value.epochs"];
    "critic" | "value_function" | "value_network" | "vf" | "v" | "baseline" =>
        "The value baseline V(s): what a state is expected to return. Advantages are measured against it."
        ["value.kind", "train/explained_variance", "train/value_loss"];
    "cg_max_steps" | "cg_iters" | "cg_iterations" | "cg_steps" =>
        "Most iterations of conjugate gradients, which solve for the direction of the step."
        ["algorithm.cg_iterations", "npg/cg_iterations"];
    "cg_damping" | "damping_coeff" | "damping" | "reg_coeff" =>
        "Lambda in (F + lambda I) x = g: keeps directions in check that the batch says little about." ["algorithm.damping"];
    "cg_residual_tolerance" | "residual_tol" | "tolerance" =>
        "Conjugate gradients stop early below this relative residual." ["algorithm.cg_tolerance", "npg/cg_residual"];
    "cg" | "conjugate_gradient" | "conjugate_gradients" =>
        "Conjugate gradients: they solve (F + damping I) x = g by products F v, without ever forming F. In the progress \
         table, cg is the number of their iterations."
        ["npg/cg_iterations", "npg/cg_residual", "algorithm.solver", "algorithm.cg_iterations"];
    "line_search_shrinking_factor" | "backtrack_coeff" | "backtrack_ratio" =>
        "The line search multiplies alpha by this until the step is acceptable." ["algorithm.backtrack_factor"];
    "line_search_max_iter" | "backtrack_iters" | "max_backtracks" | "backtracks" =>
        "Most reductions of alpha by the line search." ["algorithm.max_backtracks", "npg/backtracks"];
    "line_search" | "linesearch" | "backtracking" =>
        "Shortens a step until the surrogate improves and the measured KL is within the budget; --algo trpo does it."
        ["algorithm.step", "npg/backtracks"];
    "sub_sampling_factor" | "subsampling" =>
        "F may be taken over a fraction of the batch's states." ["algorithm.fisher_fraction"];
    "net_arch" | "hidden_sizes" | "hidden_size" | "layers" | "network" | "hidden_layers" | "mlp" =>
        "Widths of the hidden layers, such as policy.hidden=[64, 64]; policy and value baseline have their own."
        ["policy.hidden", "value.hidden", "policy.network"];
    "activation_fn" | "nonlinearity" => "What hidden units do to their sum." ["policy.activation", "value.activation"];
    "use_sde" | "sde" | "gsde" | "exploration" =>
        "State-dependent exploration: noise that is a function of the state and held for several steps, smoother than \
         new noise in every step."
        ["policy.std", "policy.sde_steps"];
    "sde_sample_freq" => "Steps that one exploration matrix is held for." ["policy.sde_steps"];
    "log_std" | "init_log_std" | "log_std_init" | "init_noise" =>
        "Logarithm of the initial standard deviation of a Gaussian policy's actions." ["policy.log_std_init", "train/std"];
    "std" | "sigma" | "noise" =>
        "Standard deviation of a Gaussian policy's raw actions; in the progress table, its mean over sampled states."
        ["train/std", "policy.std", "policy.log_std_init"];
    "normalize" | "vecnormalize" | "norm_obs" | "norm_reward" | "obs_norm" | "reward_scaling" | "reward_normalization" =>
        "Observations are shifted and scaled by running statistics, rewards scaled by those of the return."
        ["normalize.observations", "normalize.returns", "normalize.clip"];
    "normalize_advantage" | "advantage_normalization" | "norm_adv" =>
        "Whether a batch's advantages are brought to mean 0 and standard deviation 1." ["advantage.normalize"];
    "eval_freq" | "eval_interval" => "Transitions between two evaluations." ["run.eval_every", "run.eval_episodes"];
    "n_eval_episodes" => "Episodes of one evaluation." ["run.eval_episodes"];
    "save_freq" | "checkpoint" | "checkpoints" | "checkpoint_freq" =>
        "A file with all that training needs to go on, written now and then; `npg resume` continues from it."
        ["run.checkpoint_seconds", "run.checkpoint_iterations"];
    "num_threads" | "n_jobs" | "n_cpu" | "cpus" => "Worker threads; results do not depend on it." ["rollout.threads"];
    "device" | "cuda" | "gpu" => "npg runs on the CPU." ["rollout.threads"];
    "schedule" | "lr_schedule" | "anneal_lr" | "linear_schedule" =>
        "The KL budget may fall linearly to zero over the run." ["algorithm.kl_step_schedule"];
    "stop" | "early_stopping" | "target_return" | "reward_threshold" | "threshold" =>
        "Training may stop once the mean training return reaches a number. The threshold that `npg envs` lists is the \
         return at which an environment counts as solved."
        ["run.until_return"];
    "fisher" | "fisher_matrix" | "fisher_information" | "f" =>
        "F, the Fisher information of the policy: the metric in which KL between action distributions is measured, \
         KL = 1/2 d^T F d to second order. It is exact over actions and a mean over the batch's states."
        ["algorithm.damping", "algorithm.fisher_fraction", "algorithm.solver"];

    // What the screen shows.
    "kl" | "kl_divergence" | "approx_kl" =>
        "Kullback-Leibler divergence between the action distributions before and after an update, in nats, a mean over \
         states. In the progress table, kl is what was measured and pred what was predicted."
        ["npg/kl", "npg/kl_predicted", "algorithm.kl_step"];
    "pred" | "predicted" | "predicted_kl" =>
        "The KL that the quadratic model predicts for the step." ["npg/kl_predicted", "algorithm.kl_step"];
    "res" | "residual" => "What conjugate gradients left unsolved, relative to |g|." ["npg/cg_residual", "algorithm.cg_tolerance"];
    "ev" | "explained_variance" =>
        "The fraction of the variance of the value targets that the baseline explained before it saw them."
        ["train/explained_variance", "value.epochs"];
    "entropy" => "How undecided the policy is, in nats." ["train/entropy", "algorithm.entropy_coefficient"];
    "return" | "reward" | "ep_rew_mean" | "score" | "return_mean" | "return_±_95_%" | "±" | "95_%" | "ci95" =>
        "The sum of an episode's rewards. In the progress table, the mean over the last 100 training episodes, exploration \
         included, and after ± the half width of its 95 % interval."
        ["rollout/ep_rew_mean", "rollout/ep_rew_ci95", "rollout/ep_rew_batch", "run.until_return"];
    "len" | "length" | "ep_len" | "ep_len_mean" | "length_mean" =>
        "Steps of an episode; a mean over the last 100 training episodes." ["rollout/ep_len_mean"];
    "steps" | "transitions" => "Transitions sampled so far, all environments together." ["run.steps"];
    "steps/s" | "fps" | "steps_per_second" => "Transitions a second." ["time/fps"];
    "eta" => "Time left at the rate so far, evaluations and checkpoints not counted." ["run.steps", "time/fps"];
    "iteration" | "update" => "One batch, one step of the policy, one fit of the value baseline." ["rollout.batch_steps"];
    "evaluation" | "eval" | "eval_every" =>
        "Episodes with the most probable actions and frozen statistics, apart from training."
        ["run.eval_every", "run.eval_episodes"];
    "final_return" | "final_return_mean" | "best_return" | "best_return_mean" | "best" =>
        "Mean returns of the last evaluation of a run, and of the best one." ["run.eval_every", "run.eval_episodes"];
    "return_std" | "std_of_returns" => "Standard deviation of the returns of an evaluation's episodes." ["run.eval_episodes"];
    "return_min" | "return_max" => "The least and the largest return of an evaluation's episodes." ["run.eval_episodes"];
    "id" | "env" | "environment" => "The name of an environment; `npg envs` lists them. gym:ID is Gymnasium's.";
    "observation" | "obs" | "state" => "What the policy sees: a box of numbers, or the index of a state." ["normalize.observations"];
    "action" => "What the policy does: an index (discrete), several, or numbers (box)." ["policy.action_bounds"];
    "algo" => "The named setting of the update: npg, trpo or vpg." ["algorithm.name"];
    "measured" => "What was found, as against predicted, promised or published." ["npg/kl"];
    "run" | "run_dir" | "runs" => "The directory of a run: its settings, logs and checkpoints." ["run.steps", "run.seed"];
    "no_signal" | "all_advantages_are_equal" | "no_update" =>
        "All advantages of the batch are equal, so there is nothing to learn from it and the policy stays as it is: rewards \
         that are all the same, or batches of a step."
        ["npg/updated", "npg/gradient_norm"];
    "refused" | "updated" => "A step is refused where anything in it is not finite or it is no ascent." ["npg/updated"];
    "episode" | "episodes" => "From a reset to the end, by termination or time limit." ["rollout/episodes"];
    "time_limit" | "truncated" | "max_episode_steps" =>
        "Where an episode ends by its time limit and not by the task, the value of its last state stands for what would \
         have followed."
        ["advantage.gamma"];
    "preset" | "presets" => "Settings that come with npg for an environment; `npg presets ENV` prints them." ["algorithm.kl_step"];
    "diverged" => "A simulation that left what can be computed; its episode ends there." ["env/diverged"];

    // Words of the theory.
    "natural_gradient" | "npg" | "natural_policy_gradient" | "x" =>
        "x = (F + damping I)^-1 g, the direction of steepest ascent where length is KL and not a change of parameters."
        ["algorithm.name", "algorithm.direction", "algorithm.solver"];
    "g" | "gradient" | "policy_gradient" | "vanilla" | "vanilla_gradient" | "vpg" | "reinforce" =>
        "g, the gradient of the expected return with respect to the policy's parameters."
        ["npg/gradient_norm", "algorithm.direction"];
    "trpo" | "trust_region" =>
        "Trust region policy optimization: the natural direction, then a line search that keeps the measured KL within \
         the budget."
        ["algorithm.name", "algorithm.step", "trust_region.report"];
    "ppo" => "Proximal policy optimization is not in npg; --algo trpo is its elder." ["algorithm.name"];
    "advantage" | "advantages" =>
        "How much better an action was than the policy's average in that state." ["advantage.estimator", "advantage.normalize"];
    "surrogate" | "promise" | "promised" =>
        "What the batch says a new policy gains: advantages weighted by the ratio of probabilities. It does not know that \
         other states will be visited, and it is chosen on the same noise that it is measured on."
        ["npg/surrogate", "trust_region/surrogate"];
    "gain" | "delivered" | "realized" | "realized_gain" | "promised_against_delivered" =>
        "The gain of an update, measured on the next batch, whose noise is its own."
        ["trust_region/realized_gain", "trust_region/surrogate", "trust_region.report"];
    "tv" | "total_variation" => "Half the sum of differences of probabilities: at most sqrt(KL / 2)." ["npg/tv", "trust_region/tv_max"];
    "q" => "Q(s, a), what is expected to return after action a in state s." ["advantage.estimator"];
    "a" => "A(s, a) = Q(s, a) - V(s), the advantage." ["advantage.estimator"];
    "j" | "j*" => "J, the expected return of a policy; J* is that of the best one." ["rollout/ep_rew_mean"];
    "holds" | "beware" | "fails" | "claim" =>
        "What `npg theory` finds of a claim. Beware marks a statement that circulates and is wrong.";
    "importance_ratio" | "ratio" => "The new policy's probability of an action over the old one's." ["npg/surrogate"];
    "return_scale" => "The factor that brings rewards to the scale of 1." ["npg/return_scale", "normalize.returns"];
    "momentum" | "warm_start" => "What the last direction lends to the next one." ["algorithm.momentum", "algorithm.cg_warm_start"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_meaning_and_leads_somewhere() {
        let mut words: Vec<&str> = TERMS.iter().flat_map(|term| term.words).copied().collect();
        words.iter().for_each(|word| assert_eq!(normal(word), **word, "{word} is never found"));
        words.sort_unstable();
        let twice: Vec<_> = words.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
        for term in TERMS {
            assert!(term.sentence.ends_with('.'), "{}", term.sentence);
            for name in term.see {
                let is_metric = npg::metrics::METRICS.iter().any(|metric| metric.name == *name);
                assert!(is_metric || npg::config::find(name).is_some(), "{name}");
            }
        }
    }
}
