//! Tests simulations through the batch API, with whichever libmujoco is found. `./test` runs this with several versions.

#![allow(clippy::unwrap_used)]

use npg_mujoco::{Error, Model, ObjectType, Simulation};
use std::sync::Arc;

/// A mass on a spring and a slide: 2 kg, 8 N/m and no gravity, so its angular frequency is 2 rad/s. The pendulum beside it is
/// free.
const SPRING: &str = r#"<mujoco>
  <option timestep="0.001" integrator="RK4" gravity="0 0 0"/>
  <worldbody>
    <body name="mass"><joint name="slide" type="slide" axis="1 0 0" stiffness="8"/>
      <geom type="sphere" size="0.1" mass="2"/><site name="tip" pos="0 0 1"/></body>
  </worldbody>
  <actuator><motor joint="slide" ctrlrange="-3 5" ctrllimited="true"/></actuator>
</mujoco>"#;

/// `None` if MuJoCo is not installed; there is nothing to test then. `./test` installs it and sets its path.
fn spring() -> Option<Arc<Model>> {
    match npg_mujoco::find(None) {
        Ok(library) => Some(Model::from_xml(library, SPRING).unwrap()),
        Err(missing) if missing.named_by.is_none() => None,
        Err(missing) => panic!("{missing}"),
    }
}

#[test]
fn a_spring_swings_as_its_equation_says() {
    let Some(model) = spring() else { return };
    let mut simulation = Simulation::new(&model, &["xpos", "site_xpos", "qfrc_actuator"]).unwrap();
    assert_eq!((simulation.qpos(), simulation.qvel(), simulation.ctrl()), (&[0.0][..], &[0.0][..], &[0.0][..]));
    let start = simulation.layout().qpos.start;
    simulation.state_mut()[start] = 0.3;
    for _ in 0..100 {
        simulation.step(10).unwrap();
    }
    let (x, v) = (0.3 * 2.0_f64.cos(), -0.6 * 2.0_f64.sin()); // after one second
    assert!((simulation.qpos()[0] - x).abs() < 1e-9 && (simulation.qvel()[0] - v).abs() < 1e-9);

    simulation.ctrl_mut()[0] = 4.0;
    simulation.forward().unwrap();
    let x = simulation.qpos()[0];
    assert_eq!(simulation.field(0)[3..], [x, 0.0, 0.0], "the mass is body 1");
    assert_eq!(simulation.field(1), [x, 0.0, 1.0]);
    assert_eq!(simulation.field(2), [4.0]);
}

#[test]
fn constants_and_names() {
    let Some(model) = spring() else { return };
    assert_eq!(model.constants("body_mass").unwrap(), [0.0, 2.0]);
    assert_eq!(model.constants("opt.timestep").unwrap(), [0.001]);
    assert_eq!(model.constants("actuator_ctrlrange").unwrap(), [-3.0, 5.0]);
    assert_eq!((model.index(ObjectType::Body, "mass"), model.index(ObjectType::Joint, "slide")), (Some(1), Some(0)));
    assert_eq!((model.index(ObjectType::Site, "tip"), model.index(ObjectType::Body, "tip")), (Some(0), None));
}

/// The state determines everything: a saved state continues with the same bits in another simulation.
#[test]
fn a_saved_state_goes_on_with_the_same_bits() {
    let Some(model) = spring() else { return };
    let [mut a, mut b] = [0, 1].map(|_| Simulation::new(&model, &["cfrc_ext"]).unwrap());
    a.ctrl_mut()[0] = 1.5;
    a.step(7).unwrap();
    b.step(3).unwrap(); // b has a different past
    b.state_mut().copy_from_slice(a.state());
    for simulation in [&mut a, &mut b] {
        simulation.step(20).unwrap();
    }
    assert_eq!((a.state(), a.field(0)), (b.state(), b.field(0)));
}

#[test]
fn a_state_that_is_no_number_is_noticed_until_the_reset() {
    let Some(model) = spring() else { return };
    let mut simulation = Simulation::new(&model, &[]).unwrap();
    simulation.step(1).unwrap();
    assert!(!simulation.has_diverged());
    for bad in [f64::NAN, f64::INFINITY, 1e300] {
        let start = simulation.layout().qvel.start;
        simulation.state_mut()[start] = bad;
        simulation.step(2).unwrap();
        assert!(simulation.has_diverged(), "{bad}");
        simulation.step(2).unwrap();
        assert!(simulation.has_diverged(), "{bad}");
        simulation.reset().unwrap();
        assert!(!simulation.has_diverged());
        assert_eq!(simulation.qpos(), [0.0]);
    }
    simulation.ctrl_mut()[0] = f64::NAN;
    simulation.step(1).unwrap();
    assert!(simulation.has_diverged());
    assert!(!std::path::Path::new("MUJOCO_LOG.TXT").exists(), "MuJoCo's own messages go nowhere");
}

#[test]
fn what_is_wrong_is_said() {
    let Some(model) = spring() else { return };
    let error = Simulation::new(&model, &["xpos", "velocity"]).unwrap_err().to_string();
    assert!(error.contains("no field `velocity`"), "{error}");
    assert!(matches!(Simulation::new(&model, &["ncon"]), Err(Error::Field { .. })), "a count is no real number");
    assert!(matches!(model.constants("masses"), Err(Error::Field { .. })));
    assert!(matches!(model.constants("actuator_ctrllimited"), Err(Error::Field { .. })));
    assert!(matches!(model.constants("body\0mass"), Err(Error::Field { .. })));
    let refused = |xml| Model::from_xml(model.lib(), xml).unwrap_err().to_string();
    assert!(refused("<mujoco").starts_with("MuJoCo refuses the model: "));
    let twins = "<mujoco><worldbody><body name='a'/><body name='a'/></worldbody></mujoco>";
    assert!(refused(twins).contains("repeated name"), "{}", refused(twins));
    let tight = "<mujoco><size memory='100'/><worldbody><body><freejoint/><geom size='1'/></body></worldbody></mujoco>";
    assert!(refused(tight).contains("memory"), "{}", refused(tight));
    let error = Model::from_file(model.lib(), "no/such.xml".as_ref()).unwrap_err().to_string();
    assert!(error.contains("no/such.xml"), "{error}");
}

/// An error that MuJoCo calls fatal (by default it ends the process) is returned, and leaves the simulation as it was.
#[test]
fn a_call_that_fails_is_an_error() {
    let Some(model) = spring() else { return };
    let boxes: String = (0..20).map(|_| "<body><freejoint/><geom type='box' size='1 1 1'/></body>").collect();
    let xml = format!("<mujoco><size memory='50K'/><worldbody>{boxes}</worldbody></mujoco>");
    let crowd = Model::from_xml(model.lib(), &xml).unwrap();
    let mut simulation = Simulation::new(&crowd, &["xpos"]).unwrap();
    let before = simulation.state().to_vec();
    let error = simulation.step(1).unwrap_err().to_string();
    assert!(error.starts_with("MuJoCo: ") && error.len() > 20, "{error}");
    assert_eq!(simulation.state(), before);
    let mut other = Simulation::new(&model, &[]).unwrap();
    other.step(1).unwrap();
}

#[test]
fn simulations_work_on_any_thread() {
    let Some(model) = spring() else { return };
    let run = |simulation: &mut Simulation| (0..50).for_each(|_| simulation.step(5).unwrap());
    let mut here = Simulation::new(&model, &[]).unwrap();
    here.ctrl_mut()[0] = 1.0;
    run(&mut here);
    let others: Vec<Simulation> = std::thread::scope(|scope| {
        let start = || {
            let mut there = Simulation::new(&model, &[]).unwrap(); // made here, run there, and read here
            there.ctrl_mut()[0] = 1.0;
            scope.spawn(move || {
                run(&mut there);
                there
            })
        };
        [start(), start()].map(|thread| thread.join().unwrap()).into()
    });
    assert!(others.iter().all(|there| there.state() == here.state()));
}
