//! The only list of all keys. A field of [`Config`] without a key, or a key without a field, does not compile.

use std::ops::Bound::{Excluded, Included, Unbounded};

use super::field::Field;
use super::*;

/// Declares tables and their keys in the order in which they are printed.
macro_rules! tables {
    ($($table:ident: $Struct:ident, $about:literal {
        $($field:ident: $kind:expr, $summary:literal, $details:literal;)*
    })*) => {
        /// All keys, table by table. The keys of `[env]` belong to the environment and are not here.
        pub static KEYS: &[Key] = &[$($(Key {
            path: concat!(stringify!($table), ".", stringify!($field)),
            kind: $kind,
            summary: $summary,
            details: $details,
            read: |config| Field::value(&config.$table.$field),
            write: |config, value| Field::assign(&mut config.$table.$field, value),
        },)*)*];

        /// All tables except `[env]`.
        pub static TABLES: &[KeyTable] = &[$(KeyTable { name: stringify!($table), summary: $about },)*];

        const _: fn(&Config) = |config| {
            $(let $Struct { $($field: _),* } = &config.$table;)*
        };
    };
}

tables! {
algorithm: Algorithm, "The update of the policy: the direction and the length of a step." {
    name: Kind::Name(AlgorithmName::NAMES),
        "Named algorithm. It sets algorithm.direction and algorithm.step.",
        "npg: theta' = theta + alpha x with (F + damping I) x = g and alpha = sqrt(2 kl_step / x^T F x), the natural \
        policy gradient of Kakade 2001 in the form of Rajeswaran 2017. trpo: the same direction, then backtracking \
        until the surrogate improves and the measured KL is within kl_step (Schulman 2015). vpg: theta' = theta + \
        alpha g, ascent in the space of parameters. Start with npg. Use trpo if a single bad step is costly, and \
        vpg to see what the natural direction is worth. If you set direction or step yourself, your value is used.";
    direction: Kind::Name(Direction::NAMES),
        "Direction of a step: the natural gradient (F + damping I)^-1 g, or g itself.",
        "The natural direction is the direction of steepest ascent if length is measured by KL between action distributions, \
        so it does not depend on how the policy is parametrized (Kakade 2001). The vanilla direction measures length in \
        parameters. It needs no solve. With step = \"kl\" or \"line-search\" it takes steps of the same KL.";
    step: Kind::Name(StepRule::NAMES),
        "Length of a step: alpha from the KL budget, a fixed alpha, or a line search.",
        "kl: alpha = sqrt(2 kl_step / x^T F x), so that the KL predicted to second order is exactly kl_step. The step is \
        shortened if its measured KL is more than kl_tolerance times kl_step, or if its measured surrogate falls. fixed: \
        alpha as configured, whatever KL that gives. line-search: starts with the alpha of the KL rule and multiplies it by \
        backtrack_factor until the surrogate improves and the measured KL is within kl_step. After max_backtracks \
        reductions, the parameters stay as they were.";
    kl_step: Kind::POSITIVE,
        "KL budget of one step, in nats.",
        "The predicted KL is 1/2 d^T F d for the step d = alpha x, with the undamped F of the states that \
        algorithm.fisher_fraction selects. 0.01 suits most tasks. 0.05 or more learns faster if batches are large or the \
        task is easy. 0.001 is for long, delicate training. The measured KL is logged as npg/kl.";
    kl_step_schedule: Kind::Name(Schedule::NAMES),
        "How kl_step changes over the run: it is constant, or falls linearly to zero.",
        "With linear, the budget at step t of T is kl_step (1 - t/T). It lets the policy settle at the end of a run of fixed \
        length. If you resume with a larger run.steps, the schedule is stretched.";
    kl_tolerance: Kind::OptionalNumber(Included(1.0)),
        "Largest measured KL of a step, in multiples of kl_step; \"none\" never shortens a step.",
        "The prediction 1/2 d^T F d holds for small steps. Near a deterministic policy F almost vanishes, and the step \
        that it allows can measure thousands of nats. If a step measures more than kl_tolerance times kl_step, or its \
        measured surrogate falls, it is shortened until both conditions hold. If no length works, the parameters stay as \
        they were. npg/shortened counts these steps. Normally no step is changed, and the check costs nothing, because the \
        KL is measured anyway. \"none\" gives the textbook step. Read only with step = \"kl\".";
    alpha: Kind::POSITIVE,
        "Step size of the fixed rule.",
        "theta' = theta + alpha x. Read only with step = \"fixed\". A good value depends on the scale of rewards, the \
        network and the solver. A KL budget does not depend on them, so it is the default.";
    solver: Kind::Name(Solver::NAMES),
        "How (F + damping I) x = g is solved.",
        "cg: conjugate gradients with products F v of the exact Fisher matrix (expected over actions), without forming F. \
        cholesky: the same F, formed and factorized; memory grows with the square of the number of parameters. \
        woodbury: the empirical Fisher matrix S^T S / N of the sampled scores, through the N x N matrix \
        S S^T + N damping I; best with fewer samples than parameters, and noisier than the exact F. auto: cholesky \
        for at most 64 parameters, else cg.";
    cg_iterations: Kind::Integer(1, 10_000),
        "The most conjugate-gradient iterations.",
        "Each costs one product F v over fisher_fraction of the batch. The noise of g usually limits progress more than \
        the accuracy of x: 5 to 10 iterations are enough for most tasks, and npg/cg_residual shows how exact the solution was.";
    cg_tolerance: Kind::NON_NEGATIVE,
        "Conjugate gradients stop when |g - (F + damping I) x| / |g| falls below this.",
        "With the default value, cg_iterations is the only limit, except in tiny problems. 0.01 to 0.1 saves products if the \
        problem is well conditioned. 0 never stops early.";
    cg_warm_start: Kind::Bool,
        "Start conjugate gradients from the solution of the last iteration.",
        "It saves iterations if successive directions are similar. The start is part of the checkpoint. x^T F x is \
        computed anew in any case, so the KL budget keeps its meaning.";
    momentum: Kind::Number(Included(0.0), Excluded(1.0)),
        "mu in (F + lambda I) x = g + lambda mu x', with lambda the damping and x' the last direction.",
        "Momentum in the metric of the step (SPRING, Goldshlager 2024). In directions with little curvature in F, x is a \
        running sum of gradients. In the others it is F^-1 g as before. 0.9 averages the noise of about ten \
        batches. The KL budget holds as always. If x would not point uphill, the step is taken without momentum.";
    damping: Kind::NON_NEGATIVE,
        "lambda in (F + lambda I) x = g.",
        "It interpolates between the natural direction (0) and the vanilla one (infinity). Directions that the batch says \
        nothing about would dominate x without it. 0.1 is robust. 0.001 to 0.01 follows F more closely and needs a \
        larger batch or fisher_fraction = 1. The predicted KL uses F without it.";
    fisher_fraction: Kind::Number(Excluded(0.0), Included(1.0)),
        "Fraction of the batch on which F is estimated.",
        "F v is an average over states. An evenly spaced part of the batch gives nearly the same direction at a \
        fraction of the cost. Use 0.1 to 0.3 for batches of many thousand transitions, and 1 for small ones.";
    max_backtracks: Kind::Integer(0, 1000),
        "Line search: the most reductions of alpha.",
        "Read only with step = \"line-search\". With backtrack_factor 0.8, ten reductions give 0.107 of the first alpha.";
    backtrack_factor: Kind::Number(Excluded(0.0), Excluded(1.0)),
        "Line search: factor on alpha in each reduction.",
        "Read only with step = \"line-search\". 0.8 keeps steps long, and 0.5 gives up sooner.";
    accept_ratio: Kind::Number(Included(0.0), Excluded(1.0)),
        "Line search: required surrogate gain, as a fraction of its linear prediction alpha g^T x.",
        "Read only with step = \"line-search\". 0 accepts any gain, as TRPO's published code does. 0.1 is stricter.";
    entropy_coefficient: Kind::NON_NEGATIVE,
        "Weight of the mean policy entropy in the objective.",
        "The gradient becomes g + c grad E_s[H(pi(.|s))], with H in nats. Use it if the policy becomes deterministic \
        before it has explored. Try 0.001 to 0.01 with normalized advantages.";
    discounted_states: Kind::Bool,
        "Weight states by gamma^t, as the policy gradient theorem does.",
        "The theorem's state distribution is d(s) = (1-gamma) sum_t gamma^t P(s_t = s). Nearly all deep \
        implementations drop the factor on purpose: then late states count as much as early ones, and less of the batch \
        is spent on the start. True gives the gradient of the discounted return.";
}
rollout: Rollout, "Sampling of transitions." {
    n_envs: Kind::Integer(1, 65_536),
        "Number of environments.",
        "Every batch steps all of them, in groups of fixed size on the threads. With more environments, each batch has \
        shorter pieces of episodes. Few environments give correlated samples; many cut episodes earlier and depend more on \
        the value baseline. Results depend on this number, but not on threads.";
    batch_steps: Kind::Integer(1, 100_000_000),
        "Transitions of one iteration, from all environments together.",
        "One batch gives one step of the policy. Small batches give many noisy steps, large ones few accurate steps. \
        Use 1,000 to 5,000 for classic control, and up to 50,000 for hard robots. If n_envs does not divide it, the first \
        environments take one more step.";
    threads: Kind::Integer(0, 4096),
        "Worker threads; 0 means all cores.",
        "Results have the same bits for any number of threads.";
}
advantage: Advantage, "Estimates of how much better an action was than the policy's average action." {
    estimator: Kind::Name(Estimator::NAMES),
        "Advantage estimator.",
        "gae: A_t = sum_l (gamma lambda)^l delta_{t+l}, with delta_t = r_t + gamma V(s_{t+1}) - V(s_t) (Schulman 2016). \
        monte-carlo: the discounted return to the end of the piece minus V(s_t), which is GAE with lambda = 1. Neither \
        crosses the end of an episode. A truncated episode is completed by the value of its true last observation.";
    gamma: Kind::UNIT,
        "Discount factor.",
        "A reward k steps later counts gamma^k, so the horizon is about 1/(1-gamma) steps. 0.99 is common. Use 0.9 if \
        consequences show within ten steps (Pendulum-v1), and 0.999 for long tasks. 1 is allowed if episodes end.";
    lambda: Kind::UNIT,
        "GAE's lambda.",
        "It trades the bias of the value baseline (0 trusts it after one step) against the variance of returns (1 does \
        not bootstrap before the piece ends). 0.9 to 0.98 in practice. Read only with estimator = \"gae\".";
    normalize: Kind::Bool,
        "Subtract the batch's mean advantage and divide by the standard deviation.",
        "Mean and standard deviation are those of the whole batch, over all environments. It sets the scale of g, so alpha and \
        entropy_coefficient keep their meaning as rewards grow. With a KL budget the scale cancels, and the mean \
        acts as a baseline.";
}
policy: Policy, "The policy's network and distribution." {
    network: Kind::Name(NetworkKind::NAMES),
        "The policy's network.",
        "mlp: fully connected layers. linear: one layer from observations to outputs. rbf: y = sin(P s / bandwidth + \
        phase) with fixed random P and phase, then one trained layer; Rajeswaran 2017 trained MuJoCo tasks with such \
        features and the natural gradient. nature-cnn and cnn: convolutions of images, then fully connected layers. They set \
        policy.convolutions, policy.hidden and policy.activation, and the same keys of [value]: nature-cnn to the layers of \
        Mnih et al. 2015, which read images of 36 x 36 pixels or more, and cnn to those of Young & Tian 2019 for 10 x 10.";
    keys: Kind::Names,
        "Parts of a Dict or Tuple observation that the policy reads, by key or index; [] for all.",
        "With value.keys, the baseline can read more than the policy: the state of a simulator, or anything else that is known \
        in training only (an asymmetric actor-critic, Pinto 2018). The policy's parameters and statistics in a checkpoint are \
        those of these parts alone, and its actions do not depend on the others.";
    encoder: Kind::Widths,
        "Widths of an MLP that each part of a Dict or Tuple observation has for itself.",
        "The outputs of the parts are joined, and policy.hidden reads them. [] joins the parts as they are, which is enough if \
        they are vectors of like size. Not with network = \"linear\" and \"rbf\".";
    embedding: Kind::Integer(0, Kind::MAX_WIDTH as i64),
        "Width of the embedding of a discrete observation with more than 1,000 values; 0 for one-hot.",
        "A one-hot vector of a million values would take four megabytes in each state. An embedding is a row of a table of \
        parameters. A multi-discrete observation has one for each component. Not read with network = \"linear\" and \
        \"rbf\", which need one-hot vectors.";
    convolutions: Kind::Filters,
        "Convolutions of images: [filters, kernel, stride] of each, in pixels.",
        "[[32, 8, 4], [64, 4, 2], [64, 3, 1]] is that of Mnih et al. 2015. There is no padding. The pixels are scaled to 0..1 by the \
        bounds of the space instead of being normalized, whether the channels are first or last. policy.hidden reads the result \
        of the last convolution. Read only with network = \"nature-cnn\" and \"cnn\".";
    hidden: Kind::Widths,
        "Widths of the hidden layers of an MLP.",
        "[64, 64] is enough for classic control and most robots. Use [256, 256] for many joints. Not read with \
        network = \"linear\" and \"rbf\".";
    activation: Kind::Name(ActivationName::NAMES),
        "Nonlinearity of an MLP.",
        "tanh keeps outputs bounded and the KL smooth, which suits trust regions. relu, gelu and silu are useful in \
        wider networks.";
    layer_norm: Kind::Bool,
        "Layer normalization in the hidden layers of an MLP.",
        "For each state, the weighted sums of a hidden layer are brought to mean 0 and standard deviation 1 before the activation \
        function. Then each unit has a gain and a bias of its own (Ba, Kiros & Hinton 2016). It keeps tanh units from \
        saturating, which helps deep networks. The common scale of a layer's sums no longer matters, so F has directions with \
        little or no curvature: keep algorithm.damping above 0. Convolutions are not normalized. Not with \
        network = \"linear\" and \"rbf\".";
    output_gain: Kind::Number(Excluded(0.0), Included(1e6)),
        "Gain of the orthogonal initialization of the last layer.",
        "0.01 makes the first policy nearly the same in all states: uniform over discrete actions, and with mean zero for \
        continuous ones.";
    rbf_features: Kind::Integer(1, 65_536),
        "Number of random Fourier features.",
        "Read only with network = \"rbf\". 100 to 500 in Rajeswaran 2017.";
    rbf_bandwidth: Kind::Number(Included(1e-6), Included(1e6)),
        "Bandwidth of the features, in units of sqrt(2 observation dimensions).",
        "A larger value gives smoother features. With normalized observations, the unit is the typical distance between two \
        of them. Read only with network = \"rbf\".";
    head: Kind::Name(HeadName::NAMES),
        "Distribution over the actions of a box.",
        "gaussian: independent normals, whose raw actions are fitted to the bounds (policy.action_bounds). beta: independent \
        Beta distributions on low..high (Chou, Maturana & Scherer 2017). Their actions never leave the bounds, so nothing is \
        clipped, and log probabilities are those of the executed actions up to a constant. squashed: independent normals, \
        whose raw actions tanh maps onto low..high; KL, Fisher matrix and entropy are those of the normals. beta and squashed \
        need bounds on both sides. Discrete actions ignore this key.";
    std: Kind::Name(Std::NAMES),
        "Standard deviation of a Gaussian policy.",
        "state-independent: one trained log std for each action dimension. state-dependent: outputs of the network. \
        sde: noise that is linear in the last layer's inputs, with a noise matrix that is kept for sde_steps steps. \
        Exploration is then smooth in time (gSDE, Raffin 2022), and it finds goals that independent noise does not reach. \
        Discrete actions ignore this key.";
    log_std_init: Kind::Number(Included(-20.0), Included(5.0)),
        "Initial log standard deviation.",
        "0 is a standard deviation of 1 in the units of raw actions (with rescale, half the width of the bounds). Use -0.5 to \
        -1 if the start must be gentle, and -2 for sde on wide networks.";
    sde_steps: Kind::Integer(1, 1_000_000),
        "State-dependent exploration: steps for which one noise matrix is kept.",
        "Use 4 to 16 for control at 50 Hz, and more if the task needs a long push in one direction. A new episode \
        draws a new matrix. Read only with std = \"sde\".";
    action_bounds: Kind::Name(ActionBounds::NAMES),
        "How a Gaussian policy's raw action is fitted to the bounds of the action space.",
        "clip: the executed action is the raw one, clipped. rescale: raw -1..1 is mapped onto low..high, then clipped, so \
        log_std_init means the same for every task. In both cases log probabilities are those of the raw action. \
        Dimensions without bounds are not changed. With one bound, the unit is kept, and raw 0 is executed at least 1 \
        inside of the bound. Bounds of 1e30 and more count as no bounds.";
}
value: Value, "The state-value baseline, fitted to the same batch at the same time as the policy's step." {
    kind: Kind::Name(ValueKind::NAMES),
        "Kind of value baseline.",
        "mlp-adam: an MLP trained by Adam on minibatches. mlp-gauss-newton: an MLP trained by a few damped Gauss-Newton \
        steps on the full batch, with the same products as the policy. linear: ridge regression on the observation, its \
        square and three powers of time (Duan 2016); it needs no tuning and is often good enough for robots. none: zero.";
    network: Kind::Name(NetworkKind::OF_BASELINES),
        "The baseline's network.",
        "The same as policy.network, which also sets this key. Read by the MLP kinds.";
    keys: Kind::Names,
        "Parts of a Dict or Tuple observation that the baseline reads, by key or index; [] for all.",
        "The baseline helps in training only, so it may read what the policy cannot: see policy.keys. Name all parts that it reads, \
        also those that the policy reads.";
    encoder: Kind::Widths,
        "Widths of an MLP that each part of a Dict or Tuple observation has for itself.",
        "The same as policy.encoder. Needs an MLP kind.";
    embedding: Kind::Integer(0, Kind::MAX_WIDTH as i64),
        "Width of the embedding of a discrete observation with more than 1,000 values; 0 for one-hot.",
        "The same as policy.embedding. Read by the MLP kinds.";
    convolutions: Kind::Filters,
        "Convolutions of images: [filters, kernel, stride] of each, in pixels.",
        "The same as policy.convolutions. Read by the MLP kinds with value.network = \"nature-cnn\" and \"cnn\".";
    hidden: Kind::Widths,
        "Widths of the hidden layers.",
        "Read by the MLP kinds. The baseline shares no layers with the policy.";
    activation: Kind::Name(ActivationName::NAMES),
        "Nonlinearity of the baseline's MLP.",
        "The same choices as for the policy.";
    layer_norm: Kind::Bool,
        "Layer normalization in the hidden layers of the baseline's MLP.",
        "The same as policy.layer_norm. Needs an MLP kind with hidden layers.";
    epochs: Kind::Integer(1, 10_000),
        "Passes over the batch (mlp-adam), or Gauss-Newton steps (mlp-gauss-newton).",
        "With small networks, 10 passes at 128 rows take most of an iteration's time. With too few passes the baseline lags \
        behind the policy (train/explained_variance is low), and too many fit noise. 1 to 3 Gauss-Newton steps are enough.";
    minibatch: Kind::Integer(1, 100_000_000),
        "Rows of an Adam minibatch.",
        "If it does not divide the batch, the last minibatch of a pass is smaller. Read only with kind = \"mlp-adam\".";
    learning_rate: Kind::POSITIVE,
        "Adam's learning rate.",
        "1e-3 suits normalized returns. Use 3e-4 for larger networks. Read only with kind = \"mlp-adam\".";
    cg_iterations: Kind::Integer(1, 10_000),
        "Gauss-Newton: conjugate-gradient iterations per step.",
        "Read only with kind = \"mlp-gauss-newton\".";
    damping: Kind::POSITIVE,
        "Gauss-Newton: initial damping. It adapts to how well the quadratic model predicts.",
        "Levenberg-Marquardt: the damping falls after steps that the model predicted well, and grows after bad ones. Read \
        only with kind = \"mlp-gauss-newton\".";
    ridge: Kind::NON_NEGATIVE,
        "Linear baseline: ridge coefficient.",
        "It grows automatically if the features are collinear. Read only with kind = \"linear\".";
}
normalize: Normalize, "Running normalizers, frozen in evaluation and between sampling and updating." {
    observations: Kind::Bool,
        "Subtract the running mean from observations and divide by the running standard deviation.",
        "(s - mean) / std over all observations so far, whatever their unit. A dimension that has been constant so far is \
        only centered. The statistics are part of the policy and are saved with it. Turn it off if observations are already \
        of order one and their scale has a meaning.";
    compensate: Kind::Bool,
        "Keep the policy the same function when the statistics of observations change.",
        "New statistics change the inputs of the network, and so the policy, outside of the KL budget; npg/kl_normalizer \
        measures it. So the first layers are adapted: W'_jk = W_jk s'_j/s_j, with s_j the standard deviation of dimension j \
        before and s'_j after, and the biases are shifted. Policy and baseline then stay the same functions. It is not done for \
        the first statistics, for a dimension whose standard deviation changes by more than a factor of two at once, with \
        network = \"rbf\", and with std = \"sde\" on a linear network.";
    returns: Kind::Bool,
        "Divide rewards by the running standard deviation of the discounted return.",
        "It keeps the targets of the value baseline of order one, whatever the unit of rewards. If all episodes have the same \
        length, a constant in the rewards is worth the same to every policy, and the mean reward of the first batch is \
        subtracted before. Logged returns are always those of the task.";
    clip: Kind::Number(Excluded(0.0), Included(1e30)),
        "Normalized observations and rewards are clipped at this distance from their means.",
        "This limits outliers. The unit is a standard deviation (of observations, and of the discounted return). \
        npg/rewards_clipped is the fraction of rewards that is clipped. If it is more than 2 % of a batch, the log says so.";
}
trust_region: TrustRegion, "Measurements of how far the policy's steps go, and what they gain." {
    report: Kind::Bool,
        "Log what each step promised, what theory guarantees, and what it delivered.",
        "The metrics trust_region/...: the surrogate's gain in units of reward, lower bounds on the true gain (TRPO, CPO \
        and tighter ones), the drift of states, and one iteration later the realized gain with its standard error. `npg \
        plot` draws promised against delivered. It is cheap, because the KL is measured anyway, and the policy's \
        bits do not depend on it.";
}
run: Run, "Length, seed, evaluation and checkpoints of a run." {
    steps: Kind::Integer(1, Kind::MAX),
        "Transitions to train on, exactly.",
        "If rollout.batch_steps does not divide it, the last iteration is shorter. `npg resume RUN --steps N` sets \
        a new total.";
    seed: Kind::Integer(0, Kind::MAX),
        "Seed of every random stream.",
        "The same binary, configuration and seed give the same bits. Report results over several seeds (--seeds 0..5): \
        one seed shows little.";
    eval_every: Kind::Integer(0, Kind::MAX),
        "Evaluate after every this many steps; 0 means only at the end.",
        "An evaluation takes the most probable actions in separate environments, with frozen normalizers, and \
        does not change training.";
    eval_episodes: Kind::Integer(1, 1_000_000),
        "Episodes of one evaluation.",
        "The standard error of the mean return falls with the square root of this number.";
    checkpoint_seconds: Kind::NON_NEGATIVE,
        "Seconds between checkpoints; 0 writes one after every iteration.",
        "Checkpoints are timed because an iteration can take 8 ms, and writing a file safely takes as long. The first one \
        follows the first iteration. The next ones come after 1, 2, 4, ... seconds, up to this interval.";
    checkpoint_iterations: Kind::Integer(0, Kind::MAX),
        "Iterations between checkpoints, in addition to those by time; 0 means by time only.",
        "Use it for checkpoints at the same iterations in every run.";
    until_return: Kind::OptionalNumber(Unbounded),
        "Stop when the mean of the last 100 training episodes reaches this.",
        "It needs 100 finished episodes. The run then counts as complete.";
}
}
