//! One simulation of a model, with its own `mjData`.
//!
//! MuJoCo's batch of many simulations on one thread makes the same calls in a loop, so batches of one lose nothing. No stride
//! between simulations depends on MuJoCo's sizes then.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ops::Range;
use std::ptr;
use std::slice;
use std::sync::Arc;

use crate::library::{BatchConfig, RawBatch, RawData, RawModel};
use crate::model::{MESSAGE, length, text_of};
use crate::{Error, Library, Model};

/// The places of the parts of a state, as ranges of [`Simulation::state`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The generalized positions.
    pub qpos: Range<usize>,
    /// The generalized velocities.
    pub qvel: Range<usize>,
    /// The controls.
    pub ctrl: Range<usize>,
    /// The length of the whole state.
    pub len: usize,
}

/// A field of `mjData` that can be read: its storage in the batch, and its length.
struct Output {
    values: *const f64,
    len: usize,
}

/// One simulation. Its state is MuJoCo's *integration state*, which determines everything that follows, bit for bit.
pub struct Simulation {
    model: Arc<Model>,
    batch: *mut RawBatch,
    state: *mut f64,
    layout: Layout,
    outputs: Vec<Output>,
}

// SAFETY: the batch runs on the calling thread alone (`nthread` is 1) and belongs to this value; what it is given of the
// model is a copy.
unsafe impl Send for Simulation {}

impl Drop for Simulation {
    fn drop(&mut self) {
        // SAFETY: the batch was made by this library and is not used afterwards.
        unsafe { (self.lib().api.mjb_deleteBatch)(self.batch) }
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// Bits of `mjtState`.
const QPOS: c_int = 1 << 1;
const QVEL: c_int = 1 << 2;
const CTRL: c_int = 1 << 6;

/// `mjSTAGE_NONE` of `mjtStage`: compute nothing.
const NO_STAGE: c_int = 0;

/// `mjWARN_BADQPOS` to `mjWARN_BADCTRL` of `mjtWarning`. They mean numbers that are not finite or beyond 1e10.
const BAD_NUMBERS: Range<usize> = 3..7;

impl Simulation {
    /// A simulation in the model's initial state. `fields` are the fields of `mjData`, besides those of the state, that
    /// [`Simulation::field`] will read.
    ///
    /// # Errors
    /// [`Error::Field`] for a field that does not exist, and [`Error::Simulation`] if MuJoCo cannot make a batch.
    pub fn new(model: &Arc<Model>, fields: &[&str]) -> Result<Self, Error> {
        let batch = make_batch(model)?;
        let layout = Layout { qpos: 0..0, qvel: 0..0, ctrl: 0..0, len: 0 };
        let mut new = Self { model: model.clone(), batch, state: ptr::null_mut(), layout, outputs: Vec::new() };
        // SAFETY: the batch is alive.
        unsafe {
            new.state = (model.lib.api.mjb_state)(batch);
            new.layout.len = length((model.lib.api.mjb_nstate)(batch));
        }
        new.layout.qpos = new.component(QPOS);
        new.layout.qvel = new.component(QVEL);
        new.layout.ctrl = new.component(CTRL);
        for pass in 0..2 {
            // This takes a second pass, because a new output may move the storage of others.
            let outputs: Vec<Output> = fields.iter().map(|name| new.output(name)).collect::<Result<_, _>>()?;
            if pass == 1 {
                new.outputs = outputs;
            }
        }
        new.reset()?;
        Ok(new)
    }

    fn lib(&self) -> &'static Library {
        self.model.lib
    }

    /// The place of a part of the state.
    fn component(&self, bit: c_int) -> Range<usize> {
        let mut size = 0;
        // SAFETY: the batch is alive.
        let first = unsafe { (self.lib().api.mjb_stateComponent)(self.batch, bit, &mut size) };
        if first.is_null() || size == 0 {
            return 0..0;
        }
        let start = (first as usize - self.state as usize) / size_of::<f64>();
        start..start + length(size)
    }

    fn output(&self, name: &str) -> Result<Output, Error> {
        let missing = || Error::Field { name: name.into(), version: self.lib().version };
        let field = CString::new(name).map_err(|_| missing())?;
        let (mut size, mut width) = (0, 0);
        // SAFETY: the batch is alive and `field` ends in 0.
        let values = unsafe { (self.lib().api.mjb_output)(self.batch, field.as_ptr(), &mut size, &mut width) };
        if values.is_null() || width as usize != size_of::<f64>() {
            return Err(missing());
        }
        Ok(Output { values: values.cast(), len: length(size) })
    }

    /// The model that is simulated.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The places of the parts of the state.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The state: everything that the next step depends on.
    pub fn state(&self) -> &[f64] {
        // SAFETY: the row of the batch's only simulation, which lives as long as the batch; written by calls that take
        // `&mut self` alone.
        unsafe { slice::from_raw_parts(self.state, self.layout.len) }
    }

    /// The state, for writing. Fields are updated by the next [`Simulation::step`] or [`Simulation::forward`].
    pub fn state_mut(&mut self) -> &mut [f64] {
        // SAFETY: as in `state`.
        unsafe { slice::from_raw_parts_mut(self.state, self.layout.len) }
    }

    /// The generalized positions.
    pub fn qpos(&self) -> &[f64] {
        &self.state()[self.layout.qpos.clone()]
    }

    /// The generalized velocities.
    pub fn qvel(&self) -> &[f64] {
        &self.state()[self.layout.qvel.clone()]
    }

    /// The generalized positions and velocities, for writing.
    pub fn positions_and_velocities_mut(&mut self) -> (&mut [f64], &mut [f64]) {
        let ranges = [self.layout.qpos.clone(), self.layout.qvel.clone()];
        let [qpos, qvel] = self.state_mut().get_disjoint_mut(ranges).expect("parts of a state do not overlap");
        (qpos, qvel)
    }

    /// The controls.
    pub fn ctrl(&self) -> &[f64] {
        &self.state()[self.layout.ctrl.clone()]
    }

    /// The controls, for writing.
    pub fn ctrl_mut(&mut self) -> &mut [f64] {
        let range = self.layout.ctrl.clone();
        &mut self.state_mut()[range]
    }

    /// The values of field `index` in the list that was given to [`Simulation::new`].
    ///
    /// As with `mj_step` in C, quantities that are derived from positions are those of the state *before* the last substep.
    ///
    /// # Panics
    /// If there is no field with this index.
    pub fn field(&self, index: usize) -> &[f64] {
        let output = &self.outputs[index];
        if output.len == 0 {
            return &[];
        }
        // SAFETY: the storage of an output with one simulation has `len` numbers and lives as long as the batch; it is
        // written by calls that take `&mut self` alone.
        unsafe { slice::from_raw_parts(output.values, output.len) }
    }

    /// Returns to the model's initial state (`mj_resetData`). Fields are 0 and there are no warnings.
    ///
    /// # Errors
    /// [`Error::Simulation`] with MuJoCo's message.
    pub fn reset(&mut self) -> Result<(), Error> {
        // SAFETY: the batch is alive; null means all simulations and no keyframe.
        let failed = unsafe { (self.lib().api.mjb_reset)(self.batch, ptr::null(), 0, ptr::null(), NO_STAGE) };
        self.checked(failed)
    }

    /// Calls `mj_step` `substeps` times, and then computes the forces on bodies (`mj_rnePostConstraint`).
    ///
    /// # Errors
    /// [`Error::Simulation`] with MuJoCo's message. The state is then the one before the call.
    pub fn step(&mut self, substeps: u32) -> Result<(), Error> {
        self.apply(advance, substeps)
    }

    /// Computes everything that follows from the state (`mj_forward`), without a step.
    ///
    /// # Errors
    /// Those of [`Simulation::step`].
    pub fn forward(&mut self) -> Result<(), Error> {
        self.apply(derive, 0)
    }

    /// Whether MuJoCo has found numbers in the state or the controls that are not finite, or huge, since the last reset.
    /// MuJoCo resets the state by itself in that case and goes on.
    pub fn has_diverged(&self) -> bool {
        // SAFETY: the counters of the only simulation; there are more than `BAD_NUMBERS.end` of them.
        let counters = unsafe { slice::from_raw_parts((self.lib().api.mjb_warning)(self.batch), BAD_NUMBERS.end) };
        counters[BAD_NUMBERS].iter().any(|counter| counter.number > 0)
    }

    fn apply(&mut self, function: crate::library::BatchFunc, substeps: u32) -> Result<(), Error> {
        let api = &self.lib().api;
        let mut call = Call { lib: self.lib(), substeps };
        let argument = ptr::from_mut(&mut call).cast::<c_void>();
        // SAFETY: the batch is alive; `function` gets `call`, which outlives the call, and is run on this thread.
        let failed = unsafe { (api.mjb_apply)(self.batch, ptr::null(), 0, function, argument, 1) };
        self.checked(failed)?;
        // `mjb_apply` does not update the outputs (in 3.17.0 and 4.0.0). A call that computes nothing updates them.
        // SAFETY: as above.
        let failed = unsafe { (api.mjb_forward)(self.batch, ptr::null(), 0, NO_STAGE) };
        self.checked(failed)
    }

    fn checked(&self, failed: c_int) -> Result<(), Error> {
        if failed == 0 {
            return Ok(());
        }
        // SAFETY: the batch is alive; the message is copied.
        let said = unsafe { CStr::from_ptr((self.lib().api.mjb_error)(self.batch, 0)) };
        Err(Error::Simulation(said.to_string_lossy().trim().to_owned()))
    }
}

/// The argument of the functions below.
struct Call {
    lib: &'static Library,
    substeps: u32,
}

/// Takes steps. The argument is a [`Call`].
unsafe extern "C-unwind" fn advance(model: *const RawModel, data: *mut RawData, _: c_int, call: *mut c_void) {
    // SAFETY: `apply` gives a `Call`; model and data are the batch's, for the time of the call.
    unsafe {
        let call = &*call.cast::<Call>();
        for _ in 0..call.substeps {
            (call.lib.api.mj_step)(model, data);
        }
        (call.lib.api.mj_rnePostConstraint)(model, data);
    }
}

/// Computes everything that follows from the state. The argument is a [`Call`].
unsafe extern "C-unwind" fn derive(model: *const RawModel, data: *mut RawData, _: c_int, call: *mut c_void) {
    // SAFETY: as in `advance`.
    unsafe {
        let call = &*call.cast::<Call>();
        (call.lib.api.mj_forward)(model, data);
    }
}

/// A batch of one simulation on the calling thread, with its own `mjData`.
pub(crate) fn make_batch(model: &Model) -> Result<*mut RawBatch, Error> {
    let api = &model.lib.api;
    let mut config = BatchConfig { nthread: 0, persistent: false, later: [0; 16] };
    let mut message = [0; MESSAGE];
    // SAFETY: the model is alive, `config` is at least as large as MuJoCo's, `message` has the length that is given.
    unsafe {
        (api.mjb_defaultConfig)(&mut config);
        (config.nthread, config.persistent) = (1, true);
        let batch = (api.mjb_makeBatch)(model.raw, 1, &config, message.as_mut_ptr(), MESSAGE as c_int);
        if batch.is_null() {
            return Err(Error::Simulation(text_of(&message)));
        }
        // If the layout of the configuration ever changes, this check notices it.
        if (api.mjb_persistent)(batch) != 1 || (api.mjb_nthread)(batch) != 1 {
            (api.mjb_deleteBatch)(batch);
            let version = model.lib.version;
            return Err(Error::Simulation(format!("version {version} configures batches in another way")));
        }
        Ok(batch)
    }
}
