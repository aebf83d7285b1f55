//! Terms that are not npg's own names: what other programs call a setting, and the words that npg's output and the books use.

/// A term, with the other words for it.
pub(crate) struct Term {
    /// The words, in lower case and with `_` between their parts.
    pub(crate) words: &'static [&'static str],
    /// What it is, in a sentence or two.
    pub(crate) sentence: &'static str,
    /// The keys and metrics that belong to it, the most important one first.
    pub(crate) see: &'static [&'static str],
}

impl Term {
    /// The key that a user means who gives this word as a setting.
    pub(crate) fn key(&self) -> Option<&'static str> {
        self.see.first().copied().filter(|name| npg::config::find(name).is_some())
    }
}

/// The term that `word` belongs to.
pub(crate) fn term(word: &str) -> Option<&'static Term> {
    let word = normal(word);
    TERMS.iter().find(|term| term.words.contains(&word.as_str()))
}

/// A name as the table of terms writes it: without leading dashes, in lower case, with `_` between its parts.
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
        "The learning rate of the value baseline. The policy has none: a KL budget sets the length of its steps."
        ["value.learning_rate", "algorithm.kl_step"];
    "target_kl" | "max_kl" | "delta" | "trust_region_size" | "kl_budget" | "budget" | "policy_lr" | "actor_lr" | "pi_lr" =>
        "The KL that one step of the policy may use. It takes the place of the learning rate in other algorithms."
        ["algorithm.kl_step", "npg/kl"];
    "step_size" | "stepsize" | "alpha" =>
        "Alpha, the multiple of the direction x that is added to the parameters. It follows from the KL budget, unless \
         algorithm.step is \"fixed\"."
        ["algorithm.alpha", "algorithm.step", "npg/step_size"];
    "batch" | "batch_size" | "batchsize" | "n_steps" | "nsteps" | "num_steps" | "step_per_collect" | "steps_per_epoch"
        | "timesteps_per_batch" | "horizon" =>
        "The transitions of one iteration, from all environments together. Other programs count them per environment (n_steps), \
         or call the minibatch of the critic batch size. In the progress table, batch is the mean return of the \
         episodes that ended in this iteration."
        ["rollout.batch_steps", "rollout.n_envs", "value.minibatch", "rollout/ep_rew_batch"];
    "minibatch" | "mini_batch_size" | "minibatch_size" =>
        "The samples in one step of the critic's Adam. A step of the policy uses the whole batch." ["value.minibatch"];
    "num_envs" | "nenvs" | "envs" | "num_workers" | "n_workers" =>
        "The number of environments that are sampled in parallel." ["rollout.n_envs"];
    "total_timesteps" | "timesteps" | "num_timesteps" | "max_steps" | "total_steps" | "n_iter" | "num_iterations" =>
        "The transitions of the whole run, from all environments together." ["run.steps", "rollout.batch_steps"];
    "gae" | "gae_lambda" | "lam" | "lambda" | "tau" =>
        "Generalized advantage estimation mixes long and short estimates of the advantage, weighted by powers of lambda. \
         With 1 it uses only the returns, with 0 only one reward and the value baseline."
        ["advantage.lambda", "advantage.estimator"];
    "discount" | "discount_factor" | "gamma" =>
        "The discount factor: a reward k steps ahead counts gamma^k." ["advantage.gamma"];
    "clip" | "clip_obs" | "clip_reward" | "clipping" =>
        "Normalized observations are clipped to this magnitude." ["normalize.clip", "policy.action_bounds"];
    "clip_range" | "clip_param" | "eps_clip" | "clip_ratio" | "clip_coef" =>
        "PPO clips the ratio of probabilities. npg does not: it bounds the KL of a step instead." ["algorithm.kl_step"];
    "max_grad_norm" | "grad_clip" | "gradient_clipping" =>
        "npg does not clip gradients: the KL budget sets the length of a step, whatever the norm of the gradient."
        ["algorithm.kl_step", "npg/gradient_norm"];
    "ent_coef" | "entropy_coef" | "entropy_coeff" | "entropy_bonus" | "entropy_beta" =>
        "The weight of the policy's entropy in the objective. It keeps exploration alive."
        ["algorithm.entropy_coefficient", "train/entropy"];
    "vf_coef" | "value_coef" | "value_loss_coef" =>
        "npg has no such setting: the policy and the value baseline are two networks, each with its own update."
        ["value.learning_rate", "value.epochs"];
    "n_epochs" | "epochs" | "critic_epochs" | "vf_iters" | "n_critic_updates" | "train_v_iters" | "optim_critic_iters" =>
        "The passes of the value baseline over the batch. The policy takes one step per iteration." ["value.epochs"];
    "critic" | "value_function" | "value_network" | "vf" | "v" | "baseline" =>
        "The value baseline V(s): the return that is expected from a state. Advantages are measured relative to it."
        ["value.kind", "train/explained_variance", "train/value_loss"];
    "cg_max_steps" | "cg_iters" | "cg_iterations" | "cg_steps" =>
        "The most iterations of conjugate gradients, which compute the direction of the step."
        ["algorithm.cg_iterations", "npg/cg_iterations"];
    "cg_damping" | "damping_coeff" | "damping" | "reg_coeff" =>
        "Lambda in (F + lambda I) x = g. It limits the step in directions that the batch says little about." ["algorithm.damping"];
    "cg_residual_tolerance" | "residual_tol" | "tolerance" =>
        "Conjugate gradients stop early below this relative residual." ["algorithm.cg_tolerance", "npg/cg_residual"];
    "cg" | "conjugate_gradient" | "conjugate_gradients" =>
        "Conjugate gradients solve (F + damping I) x = g with products F v, without forming F. In the progress \
         table, cg is the number of their iterations."
        ["npg/cg_iterations", "npg/cg_residual", "algorithm.solver", "algorithm.cg_iterations"];
    "line_search_shrinking_factor" | "backtrack_coeff" | "backtrack_ratio" =>
        "The line search multiplies alpha by this until the step is acceptable." ["algorithm.backtrack_factor"];
    "line_search_max_iter" | "backtrack_iters" | "max_backtracks" | "backtracks" =>
        "The most times that the line search may reduce alpha." ["algorithm.max_backtracks", "npg/backtracks"];
    "line_search" | "linesearch" | "backtracking" =>
        "The line search shortens a step until the surrogate improves and the measured KL is within the budget. --algo trpo uses \
         it."
        ["algorithm.step", "npg/backtracks"];
    "sub_sampling_factor" | "subsampling" =>
        "F can be estimated on a fraction of the batch's states." ["algorithm.fisher_fraction"];
    "net_arch" | "hidden_sizes" | "hidden_size" | "layers" | "network" | "hidden_layers" | "mlp" =>
        "The widths of the hidden layers, such as policy.hidden=[64, 64]. The policy and the value baseline have a network each."
        ["policy.hidden", "value.hidden", "policy.network"];
    "activation_fn" | "nonlinearity" =>
        "The function that hidden units apply to their weighted sum." ["policy.activation", "value.activation"];
    "layer_norm" | "layernorm" | "layer_normalization" | "use_layer_norm" =>
        "Layer normalization: the weighted sums of a hidden layer are brought to mean 0 and standard deviation 1, for each state, \
         before the activation function."
        ["policy.layer_norm", "value.layer_norm"];
    "beta" | "beta_distribution" | "bounded_actions" =>
        "Beta distributions over the actions of a box: samples never leave the bounds."
        ["policy.head", "policy.action_bounds"];
    "squashed" | "squash_output" | "tanh_gaussian" =>
        "A Gaussian policy whose raw actions tanh maps onto the bounds of a box, so nothing is clipped."
        ["policy.head", "policy.action_bounds"];
    "parametrized" | "parameterized" | "parametrized_actions" | "hybrid_actions" =>
        "A discrete choice with parameters of its own. The parameters of the other choices count for nothing. \
         Python declares such actions by npg.Parametrized, Rust by Space::Parametrized."
        ["policy.head"];
    "tuple_actions" | "dict_actions" | "mixed_actions" =>
        "Actions of several parts, such as a choice and a force. Each part has its own distribution, and log probabilities, \
         entropies and KL add up."
        ["policy.head", "policy.std"];
    "action_mask" | "action_masks" | "mask" | "masks" | "invalid_actions" =>
        "An action mask says which values of a discrete action are allowed in a state. The others have probability 0 in training \
         and in evaluation. docs/models.md says where masks come from.";
    "asymmetric" | "asymmetric_critic" | "asymmetric_actor_critic" | "privileged" | "privileged_observations" =>
        "The baseline may read parts of an observation that the policy does not read, because it is needed in training only."
        ["policy.keys", "value.keys"];
    "use_sde" | "sde" | "gsde" | "exploration" =>
        "State-dependent exploration: the noise is a function of the state and is kept for several steps. Actions are smoother \
         than with new noise in every step."
        ["policy.std", "policy.sde_steps"];
    "sde_sample_freq" => "The number of steps for which one noise matrix is kept." ["policy.sde_steps"];
    "log_std" | "init_log_std" | "log_std_init" | "init_noise" =>
        "The logarithm of the initial standard deviation of a Gaussian policy's actions." ["policy.log_std_init", "train/std"];
    "std" | "sigma" | "noise" =>
        "The standard deviation of a Gaussian policy's raw actions. The progress table shows its mean over sampled states."
        ["train/std", "policy.std", "policy.log_std_init"];
    "normalize" | "vecnormalize" | "norm_obs" | "norm_reward" | "obs_norm" | "reward_scaling" | "reward_normalization" =>
        "Observations are shifted and scaled by running statistics. Rewards are scaled by running statistics of the return."
        ["normalize.observations", "normalize.returns", "normalize.clip"];
    "normalize_advantage" | "advantage_normalization" | "norm_adv" =>
        "Whether the advantages of a batch are shifted and scaled to mean 0 and standard deviation 1." ["advantage.normalize"];
    "eval_freq" | "eval_interval" => "The transitions between two evaluations." ["run.eval_every", "run.eval_episodes"];
    "n_eval_episodes" => "The episodes of one evaluation." ["run.eval_episodes"];
    "save_freq" | "checkpoint" | "checkpoints" | "checkpoint_freq" =>
        "A file with everything that training needs to continue. It is written regularly, and `npg resume` continues from it."
        ["run.checkpoint_seconds", "run.checkpoint_iterations"];
    "num_threads" | "n_jobs" | "n_cpu" | "cpus" =>
        "The number of worker threads. Results do not depend on it." ["rollout.threads"];
    "device" | "cuda" | "gpu" => "npg runs on the CPU." ["rollout.threads"];
    "schedule" | "lr_schedule" | "anneal_lr" | "linear_schedule" =>
        "The KL budget can fall linearly to zero over the run." ["algorithm.kl_step_schedule"];
    "stop" | "early_stopping" | "target_return" | "reward_threshold" | "threshold" =>
        "Training can stop once the mean training return reaches a number. The threshold that `npg envs` lists is the \
         return at which an environment counts as solved."
        ["run.until_return"];
    "fisher" | "fisher_matrix" | "fisher_information" | "f" =>
        "F, the Fisher information of the policy. It measures the KL between action distributions: KL = 1/2 d^T F d to second \
         order for a change d of the parameters. It is exact over actions, and a mean over the batch's states."
        ["algorithm.damping", "algorithm.fisher_fraction", "algorithm.solver"];

    // What npg prints.
    "kl" | "kl_divergence" | "approx_kl" =>
        "The Kullback-Leibler divergence between the action distributions before and after an update, in nats, averaged over \
         states. In the progress table, kl is the measured value and pred the predicted one."
        ["npg/kl", "npg/kl_predicted", "algorithm.kl_step"];
    "pred" | "predicted" | "predicted_kl" =>
        "The KL that the quadratic model predicts for the step." ["npg/kl_predicted", "algorithm.kl_step"];
    "res" | "residual" =>
        "The part of g that conjugate gradients have not solved for, relative to |g|."
        ["npg/cg_residual", "algorithm.cg_tolerance"];
    "ev" | "explained_variance" =>
        "The fraction of the variance of the value targets that the baseline explained before it was fitted to them."
        ["train/explained_variance", "value.epochs"];
    "entropy" =>
        "A measure of how undecided the policy is, in nats." ["train/entropy", "algorithm.entropy_coefficient"];
    "return" | "reward" | "ep_rew_mean" | "score" | "return_mean" | "return_±_95_%" | "±" | "95_%" | "ci95" =>
        "The sum of an episode's rewards. The progress table shows its mean over the last 100 training episodes, with \
         exploration noise, and after ± the half width of the 95 % interval of that mean."
        ["rollout/ep_rew_mean", "rollout/ep_rew_ci95", "rollout/ep_rew_batch", "run.until_return"];
    "len" | "length" | "ep_len" | "ep_len_mean" | "length_mean" =>
        "The number of steps of an episode, averaged over the last 100 training episodes." ["rollout/ep_len_mean"];
    "steps" | "transitions" => "The transitions sampled so far, from all environments together." ["run.steps"];
    "steps/s" | "fps" | "steps_per_second" => "The transitions per second." ["time/fps"];
    "eta" => "The time left at the rate so far. Evaluations and checkpoints are not counted." ["run.steps", "time/fps"];
    "iteration" | "update" =>
        "An iteration samples one batch, takes one step of the policy and fits the value baseline once."
        ["rollout.batch_steps"];
    "evaluation" | "eval" | "eval_every" =>
        "An evaluation plays episodes apart from training, with the most probable actions and frozen statistics."
        ["run.eval_every", "run.eval_episodes"];
    "final_return" | "final_return_mean" | "best_return" | "best_return_mean" | "best" =>
        "The mean returns of the last evaluation of a run, and of its best evaluation." ["run.eval_every", "run.eval_episodes"];
    "return_std" | "std_of_returns" =>
        "The standard deviation of the returns of an evaluation's episodes." ["run.eval_episodes"];
    "return_min" | "return_max" =>
        "The smallest and the largest return of an evaluation's episodes." ["run.eval_episodes"];
    "id" | "env" | "environment" =>
        "The name of an environment. `npg envs` lists them, and gym:ID names one of Gymnasium's.";
    "observation" | "obs" | "state" =>
        "What the policy sees: numbers (a box), or the index of a state." ["normalize.observations"];
    "action" =>
        "What the policy does: an index (discrete), several of them, or numbers (box)." ["policy.action_bounds"];
    "algo" => "The algorithm: npg, trpo or vpg. All three are settings of one update." ["algorithm.name"];
    "measured" => "A measured value, in contrast to a predicted, promised or published one." ["npg/kl"];
    "run" | "run_dir" | "runs" =>
        "The directory of a run: its settings, logs and checkpoints." ["run.steps", "run.seed"];
    "no_signal" | "all_advantages_are_equal" | "no_update" =>
        "All advantages of the batch are equal, so there is nothing to learn from it and the policy stays as it is. It happens \
         if all rewards are the same, or if a batch has only one step."
        ["npg/updated", "npg/gradient_norm"];
    "refused" | "updated" =>
        "A step is refused if anything in it is not finite, or if it does not point uphill." ["npg/updated"];
    "episode" | "episodes" =>
        "The steps from a reset to the end, which is a termination or a time limit." ["rollout/episodes"];
    "time_limit" | "truncated" | "max_episode_steps" =>
        "If a time limit ends an episode, and not the task, the value of the last state replaces the rewards that would have \
         followed."
        ["advantage.gamma"];
    "preset" | "presets" =>
        "The settings that npg ships for an environment. `npg presets ENV` prints them." ["algorithm.kl_step"];
    "diverged" => "A simulation whose numbers became too large or invalid. Its episode ends there." ["env/diverged"];

    // Words of the theory.
    "natural_gradient" | "npg" | "natural_policy_gradient" | "x" =>
        "x = (F + damping I)^-1 g, the direction of steepest ascent if the length of a step is measured by KL and not in \
         parameters."
        ["algorithm.name", "algorithm.direction", "algorithm.solver"];
    "g" | "gradient" | "policy_gradient" | "vanilla" | "vanilla_gradient" | "vpg" | "reinforce" =>
        "The gradient g of the expected return with respect to the policy's parameters."
        ["npg/gradient_norm", "algorithm.direction"];
    "trpo" | "trust_region" =>
        "Trust region policy optimization takes the natural direction, and then a line search keeps the measured KL within \
         the budget."
        ["algorithm.name", "algorithm.step", "trust_region.report"];
    "ppo" => "npg does not have proximal policy optimization. --algo trpo is its predecessor." ["algorithm.name"];
    "advantage" | "advantages" =>
        "How much better an action was than the policy's average action in that state." ["advantage.estimator", "advantage.normalize"];
    "surrogate" | "promise" | "promised" =>
        "The gain that the batch predicts for a new policy: advantages weighted by the ratio of probabilities. It ignores that \
         the new policy visits other states, and it is too optimistic, because the step was chosen on the same noise."
        ["npg/surrogate", "trust_region/surrogate"];
    "gain" | "delivered" | "realized" | "realized_gain" | "promised_against_delivered" =>
        "The gain of an update, measured on the next batch, whose noise is independent."
        ["trust_region/realized_gain", "trust_region/surrogate", "trust_region.report"];
    "tv" | "total_variation" =>
        "Half the sum of the absolute differences of probabilities. It is at most sqrt(KL / 2)."
        ["npg/tv", "trust_region/tv_max"];
    "q" => "Q(s, a), the return that is expected after action a in state s." ["advantage.estimator"];
    "a" => "A(s, a) = Q(s, a) - V(s), the advantage." ["advantage.estimator"];
    "j" | "j*" => "J is the expected return of a policy, and J* that of the best policy." ["rollout/ep_rew_mean"];
    "holds" | "beware" | "fails" | "claim" =>
        "The result of `npg theory` for a claim. Beware marks a well-known statement that is wrong.";
    "importance_ratio" | "ratio" => "The new policy's probability of an action over the old one's." ["npg/surrogate"];
    "return_scale" => "The factor that scales rewards to a size of about 1." ["npg/return_scale", "normalize.returns"];
    "momentum" | "warm_start" =>
        "How much of the last direction is used for the next one." ["algorithm.momentum", "algorithm.cg_warm_start"];
    "nats" | "nat" =>
        "The unit of KL and entropy with natural logarithms: 1 nat is 1.44 bits." ["npg/kl", "train/entropy"];
    "parameters" | "theta" | "weights" => "Theta, all weights of the policy's network as one vector." ["policy.hidden"];
    "hessian" | "jacobian" =>
        "The second derivatives of a function, and the first derivatives of the network's outputs. npg needs neither as a \
         whole: it computes products with the Fisher matrix."
        ["algorithm.solver"];
    "logits" | "logit" | "softmax" | "categorical" =>
        "A categorical policy chooses one of n actions. The network's outputs are its logits, and softmax turns them into \
         probabilities."
        ["train/entropy"];
    "gaussian" | "raw_action" =>
        "A Gaussian policy draws a raw action around the network's output. The raw action is then scaled onto the bounds of \
         the action space, or clipped."
        ["policy.std", "policy.action_bounds"];
    "deterministic" | "stochastic" =>
        "A deterministic action is the most probable one, a stochastic action is sampled. Evaluations are deterministic."
        ["run.eval_episodes"];
    "trajectory" | "trajectories" | "rollout_buffer" =>
        "A sequence of states, actions and rewards." ["rollout.batch_steps"];
    "objective" | "optimum" =>
        "The objective is the expected return, and the optimum is the policy with the largest one.";
    "tabular" | "mdp" | "markov_decision_process" =>
        "A tabular Markov decision process has finitely many states and actions, so `npg mdp` can solve it exactly.";
    "regulator" | "lqr" | "gain_k" =>
        "The linear-quadratic regulator: linear dynamics and quadratic costs, solved exactly.";
    "gymnasium" | "gym" =>
        "The Python package of environments. `npg train gym:ID` uses them; `pip install .` adds it to npg.";
    "mujoco" | "libmujoco" => "The physics simulator of the robot tasks. `pip install mujoco` installs its library.";
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
