//! The program as a shell user runs it: every subcommand and what it prints.

mod program;

use std::path::Path;
use std::sync::OnceLock;

use overfit::geometry::shapes;
use program::{failure, json, overfit, read_npy, write_npy, write_obj};
use serde_json::Value;
use tempfile::TempDir;

/// Radius of the sphere in [`Fixture`].
const RADIUS: f64 = 2.0;

/// Its centre.
const CENTER: [f64; 3] = [10.0, -5.0, 3.0];

/// A folder with a sphere and a model of it, fitted once for all tests.
struct Fixture {
    folder: TempDir,
    report: Value,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let sphere = shapes::icosphere(4, RADIUS).translated(CENTER);
        write_obj(&folder.path().join("sphere.obj"), &sphere);
        let report = json(folder.path(), "fit sphere.obj -o sphere.safetensors --preset draft --steps 150 --batch-size 2048 --seed 3 --json");
        Fixture { folder, report }
    })
}

fn folder() -> &'static Path {
    fixture().folder.path()
}

#[test]
fn fit_reports_what_it_did() {
    let report = &fixture().report;
    assert_eq!(report["preset"], "draft");
    assert_eq!(report["device"], "cpu");
    assert_eq!(
        (&report["steps"], &report["samples"]),
        (&150.into(), &(150 * 2048).into())
    );
    assert_eq!(report["health"]["watertight"], true);
    assert_eq!(report["warnings"], Value::Array(Vec::new()));
    let bytes = std::fs::metadata(folder().join("sphere.safetensors"))
        .unwrap()
        .len();
    assert_eq!(report["bytes"], bytes);
    let seconds = |key: &str| report["seconds"][key].as_f64().unwrap();
    assert!(seconds("load") + seconds("train") <= seconds("total"));
    assert!(report["samples_per_second"].as_f64().unwrap() > 0.0);
    let metric = |key: &str| report["metrics"][key].as_f64().unwrap();
    assert!(
        metric("near_mae") < 0.02 && metric("uniform_mae") < 0.05,
        "{report}"
    );
    assert!(
        metric("sign_agreement") > 0.6 && metric("iou") > 0.9,
        "{report}"
    );
}

#[test]
fn devices_are_listed_with_what_is_wrong_with_them() {
    let listed = json(folder(), "devices --json");
    let devices = listed["devices"].as_array().unwrap();
    let named = |id: &str| devices.iter().find(|device| device["id"] == id).unwrap();
    assert!(named("cpu")["problem"].is_null());
    if cfg!(not(feature = "cuda")) {
        let problem = named("cuda:0")["problem"].as_str().unwrap();
        assert!(problem.contains("--features cuda"), "{problem}");
        // What `auto` takes comes first.
        assert_eq!(devices[0]["id"], "cpu");
    }
    let lines = String::from_utf8(overfit(folder(), "devices").stdout).unwrap();
    assert_eq!(lines.lines().count(), devices.len());
}

#[test]
fn what_presets_print_is_what_fit_takes() {
    let printed = overfit(folder(), "presets draft").stdout;
    std::fs::write(folder().join("own.toml"), printed).unwrap();
    let words = "fit sphere.obj -o own.safetensors --config own.toml --set spline.finest=40 \
                 --set architecture.mlp.hidden_width=16 --steps 3 --json";
    let report = json(folder(), words);
    assert_eq!(
        (&report["preset"], &report["steps"]),
        (&"draft".into(), &3.into())
    );
    let model = json(folder(), "inspect own.safetensors --json");
    let settings = &model["training"]["settings"];
    assert_eq!(settings["spline"]["finest"], 40);
    assert_eq!(model["architecture"]["mlp"]["hidden_width"], 16);
    let listed = json(folder(), "presets --json");
    assert_eq!(listed["presets"][1]["name"], "standard");
}

#[test]
fn a_study_makes_a_table_and_goes_on_where_it_was_ended() {
    let folder = tempfile::tempdir().unwrap();
    write_obj(&folder.path().join("ball.obj"), &shapes::icosphere(2, 1.0));
    let study = "preset = 'draft'\nmeshes = ['ball.obj', 'missing.obj']\n\
        settings.budget = {seconds = 'none', steps = 5}\n\
        grid.loss = ['l1', 'l1,gradient=0.02']\ngrid.seed = [1, 2]\n\
        beside.dense = [16]\nbeside.vdb = [16]\n";
    std::fs::write(folder.path().join("study.toml"), study).unwrap();
    let list = overfit(folder.path(), "study study.toml -o results --list").stdout;
    let list = String::from_utf8(list).unwrap();
    assert_eq!(list.lines().count(), 12);
    assert!(
        list.contains("ball.obj loss=l1,gradient=0.02 seed=2"),
        "{list}"
    );
    assert!(list.contains("missing.obj vdb 16"), "{list}");

    let command = "study study.toml -o results --device cpu --json";
    let report = json(folder.path(), command);
    let counts = |report: &Value| ["rows", "made", "failed"].map(|key| report[key].clone());
    assert_eq!(counts(&report), [12, 12, 6].map(Value::from));
    let table = folder.path().join("results/results.csv");
    let text = std::fs::read_to_string(&table).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("mesh,field,loss,seed,seconds,steps,"),
        "{text}"
    );
    assert!(lines[1].starts_with("ball.obj,dense 16,,,"), "{text}");
    assert!(lines[2].starts_with("ball.obj,vdb 16,,,"), "{text}");
    assert!(
        lines[6].starts_with("ball.obj,fit,\"l1,gradient=0.02\",2,"),
        "{text}"
    );
    assert!(lines[12].contains("missing.obj"), "{text}");
    // What cannot be read has no picture.
    assert_eq!(report["pictures"].as_array().unwrap().len(), 1);
    let picture = std::fs::read_to_string(folder.path().join("results/ball.svg")).unwrap();
    assert!(picture.contains("dense 16") && picture.contains("l1,gradient=0.02"));

    // The last rows of another run, which a kill cut short.
    std::fs::write(&table, lines[..3].join("\n") + "\nball.obj,fit,\"l1,gr").unwrap();
    let report = json(folder.path(), command);
    assert_eq!(counts(&report), [12, 10, 6].map(Value::from));
    let again = overfit(folder.path(), "study study.toml -o results --device cpu").stdout;
    let again = String::from_utf8(again).unwrap();
    assert!(
        again.contains("ball.obj\nnear") && again.contains("failed"),
        "{again}"
    );
}

#[test]
fn inspect_tells_a_mesh_from_a_model() {
    let mesh = json(folder(), "inspect sphere.obj --json");
    assert_eq!(
        (&mesh["kind"], &mesh["format"]),
        (&"mesh".into(), &"obj".into())
    );
    assert_eq!(
        (&mesh["health"]["faces"], &mesh["health"]["bodies"]),
        (&5120.into(), &1.into())
    );
    let model = json(folder(), "inspect sphere.safetensors --json");
    assert_eq!(
        (&model["kind"], &model["training"]["name"]),
        (&"model".into(), &"sphere".into())
    );
    assert_eq!(model["metrics"], fixture().report["metrics"]);
    assert_eq!(model["parameters"], fixture().report["parameters"]);
    assert_eq!(model["tensors"][0]["name"], "encoding.grid");
    let text = overfit(folder(), "inspect sphere.obj").stdout;
    assert!(
        String::from_utf8(text)
            .unwrap()
            .contains("watertight           yes")
    );
}

#[test]
fn mesh_writes_a_surface_that_stands_where_the_mesh_stood() {
    for name in ["out.ply", "out.obj", "out.stl", "out.glb"] {
        let report = json(
            folder(),
            &format!("mesh sphere.safetensors -o {name} --resolution 24 --json"),
        );
        assert_eq!(
            (&report["watertight"], &report["manifold"]),
            (&true.into(), &true.into()),
            "{name}"
        );
        let back = json(folder(), &format!("inspect {name} --json"));
        assert_eq!(back["health"]["faces"], report["faces"], "{name}");
        for (axis, center) in CENTER.iter().enumerate() {
            let corner = |end: &str| back["health"]["bounds"][end][axis].as_f64().unwrap();
            let middle = 0.5 * (corner("min") + corner("max"));
            assert!((middle - center).abs() < 0.1 * RADIUS, "{name}: {middle}");
            assert!(
                (corner("max") - corner("min") - 2.0 * RADIUS).abs() < 0.2 * RADIUS,
                "{name}"
            );
        }
    }
    let coarse = json(
        folder(),
        "mesh sphere.safetensors -o coarse.ply --voxel-size 0.5 --json",
    );
    let small = json(
        folder(),
        "mesh sphere.safetensors -o small.ply --voxel-size 0.5 --iso -0.8 --no-normals --json",
    );
    assert!(small["vertices"].as_u64() < coarse["vertices"].as_u64());
}

#[test]
fn a_mesh_can_be_sharp_and_of_few_triangles() {
    let made = |words: &str| {
        let line = format!("mesh sphere.safetensors -o made.ply --resolution 24 {words} --json");
        json(folder(), &line)
    };
    let (cubes, sharp) = (made(""), made("--mode sharp"));
    assert_eq!(
        (&sharp["watertight"], &sharp["cut_triangles"]),
        (&true.into(), &0.into())
    );
    assert!(cubes["cut_triangles"].is_null());
    let angle = |report: &Value| {
        report["triangle_shape"]["smallest_angle_percentile_1"]
            .as_f64()
            .unwrap()
    };
    assert!(angle(&sharp) > angle(&cubes));
    let few = made("--mode sharp --triangles 300");
    assert_eq!(few["watertight"], true);
    assert!((200..=300).contains(&few["faces"].as_u64().unwrap()));
    let coarse = made(&format!("--error {}", 0.05 * RADIUS));
    assert!(coarse["faces"].as_u64().unwrap() < cubes["faces"].as_u64().unwrap() / 2);
    let one = made("--triangles 1");
    assert_eq!(one["watertight"], true);
    let told = one["warnings"].to_string();
    assert!(told.contains("1 were asked for"), "{told}");
    for (words, told) in [
        ("--triangles 0", "at least 1"),
        ("--error -1", "a positive length"),
        ("--mode round", "marching-cubes and sharp"),
    ] {
        let line = format!("mesh sphere.safetensors -o made.ply --resolution 24 {words}");
        let said = failure(folder(), &line);
        assert!(said.contains(told), "{words}: {said}");
    }
}

#[test]
fn far_from_the_origin_a_mesh_stays_in_its_place_or_that_is_said() {
    // A cube of 10 m in map coordinates: neighbouring numbers of single precision are half a metre apart there.
    let corner = [500_000.25, 4_649_776.5, 120.125];
    let cube = shapes::cuboid([0.0; 3], [10.0; 3]).translated(corner);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_obj(&folder.join("utm.obj"), &cube);
    let fit = json(
        folder,
        "fit utm.obj -o utm.safetensors --preset draft --steps 200 --batch-size 2048 --seed 3 --json",
    );
    assert!(fit["metrics"]["iou"].as_f64().unwrap() > 0.9, "{fit}");
    for name in ["out.obj", "out.ply", "out.glb", "out.stl"] {
        let mesh = format!("mesh utm.safetensors -o {name} --resolution 40 --json");
        let report = json(folder, &mesh);
        let words = report["warnings"].to_string();
        let is_stl = name == "out.stl";
        assert_eq!(
            words.contains("single precision"),
            is_stl,
            "{name}: {words}"
        );
        assert_eq!(
            words.contains(".obj, .ply or .glb"),
            is_stl,
            "{name}: {words}"
        );
        let moved = report["rounding"].as_f64().unwrap();
        assert!(
            if is_stl { moved > 0.1 } else { moved < 1e-5 },
            "{name}: {moved}"
        );

        // What is said of the file is true of it.
        let back = json(folder, &format!("inspect {name} --json"));
        if !is_stl {
            assert_eq!(report["watertight"], true, "{name}");
            assert_eq!(back["health"]["watertight"], true, "{name}");
        }
        for (axis, place) in corner.iter().enumerate() {
            for (end, place) in [("min", *place), ("max", place + 10.0)] {
                let found = back["health"]["bounds"][end][axis].as_f64().unwrap();
                let most = if is_stl { 1.0 } else { 0.5 };
                assert!(
                    (found - place).abs() < most,
                    "{name}: {found} is not {place}"
                );
                let said = report["bounds"][end][axis].as_f64().unwrap();
                assert!((found - said).abs() < 1e-6, "{name}: {found} is not {said}");
            }
        }
    }
}

#[test]
fn thin_walls_and_small_bodies_are_known_and_what_a_grid_loses_of_them_is_said() {
    // Without a resolution it is the usual one where nothing calls for more.
    let usual = json(folder(), "mesh sphere.safetensors -o usual.ply --json");
    assert_eq!(usual["resolution"], 256.0);

    // A plate, and a speck beside it.
    let plate = shapes::cuboid([0.0; 3], [1.0, 1.0, 0.005]);
    let speck = shapes::icosphere(2, 0.002).translated([0.5, 0.5, 0.3]);
    write_obj(&folder().join("plate.obj"), &plate.joined(&speck));
    json(
        folder(),
        "fit plate.obj -o plate.safetensors --preset draft --steps 20 --batch-size 2048 --json",
    );
    let known = json(folder(), "inspect plate.safetensors --json");
    let training = &known["training"];
    let near = |value: &Value, exact: f64| (value.as_f64().unwrap() / exact - 1.0).abs() < 0.05;
    assert!(near(&training["thickness"], 0.005), "{training}");
    assert!(near(&training["area"], 2.02), "{training}");
    assert_eq!(training["bodies"]["count"], 2);
    let thinnest = &training["bodies"]["thinnest"];
    assert!(near(&thinnest[0]["longest_side"], 0.004), "{thinnest}");
    assert!(near(&thinnest[1]["thickness"], 0.005), "{thinnest}");
    let words = overfit(folder(), "inspect plate.safetensors");
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("thickness            0.005\n"), "{words}");
    assert!(
        words.contains("bodies               2, the thinnest"),
        "{words}"
    );

    let report = json(
        folder(),
        "volume plate.safetensors -o p.npy --resolution 20 --json",
    );
    let said = report["warnings"].to_string();
    assert!(
        said.contains("2 of 2 bodies may be lost at resolution 20"),
        "{said}"
    );
    assert!(
        said.contains("Walls of 0.005 are 0.1 cells thick") && said.contains("Resolution 40"),
        "{said}"
    );
}

#[test]
fn volume_says_where_its_samples_lie() {
    let dense = json(
        folder(),
        "volume sphere.safetensors -o v.npy --resolution 20 --json",
    );
    let (shape, values) = read_npy(&folder().join("v.npy"));
    assert_eq!(dense["dims"], serde_json::json!(shape));
    let number = |value: &Value| value.as_f64().unwrap();
    // The sample nearest to the sphere's centre is about a radius deep, the first one is outside.
    let index = (0..3).map(|axis| {
        ((CENTER[axis] - number(&dense["origin"][axis])) / number(&dense["voxel_size"])).round()
            as usize
    });
    let flat = index
        .zip(&shape)
        .fold(0, |flat, (index, &length)| flat * length as usize + index);
    assert!(
        (f64::from(values[flat]) + RADIUS).abs() < 0.3 * RADIUS,
        "{}",
        values[flat]
    );
    assert!(values[0] > 0.0);

    let vectors = json(
        folder(),
        "volume sphere.safetensors -o g.nrrd --quantity value,gradient --resolution 20 --json",
    );
    assert_eq!(vectors["dims"], dense["dims"]);
    assert_eq!(vectors["columns"][2]["name"], "gradient.y");
    let bytes = std::fs::read(folder().join("g.nrrd")).unwrap();
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
    let numbers: Vec<f32> = bytes[end..]
        .as_chunks()
        .0
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect();
    // The same values as the array has, x fastest; outside of a sphere the gradient leads away from it.
    let [nx, ny, nz] = [0, 1, 2].map(|axis| shape[axis] as usize);
    assert_eq!(numbers.len(), 4 * nx * ny * nz);
    let (x, y, z) = (nx - 1, ny / 3, nz / 2);
    let found = &numbers[4 * (x + nx * (y + ny * z))..][..4];
    assert_eq!(found[0], values[(x * ny + y) * nz + z]);
    assert!(found[1] > 0.5 && found[2] < 0.0, "{found:?}");

    let narrow = json(
        folder(),
        "volume sphere.safetensors -o v.vdb --resolution 40 --band 2 --json",
    );
    assert!(narrow["active_voxels"].as_u64().unwrap() > 1000);
    let bytes = std::fs::read(folder().join("v.vdb")).unwrap();
    assert_eq!(narrow["bytes"], bytes.len());
    // OpenVDB's magic number.
    assert_eq!(&bytes[..4], b" BDV");
}

#[test]
fn eval_and_distance_agree_with_the_closed_form() {
    let points = [
        [10.0, -5.0, 3.0],
        [13.0, -5.0, 3.0],
        [10.0, -5.0, 4.5],
        [9.0, -6.0, 2.0],
    ];
    let columns: Vec<f64> = (0..3)
        .flat_map(|axis| points.map(|point| point[axis]))
        .collect();
    let rows: Vec<f32> = points.as_flattened().iter().map(|&x| x as f32).collect();
    write_npy(&folder().join("rows.npy"), npyz::Order::C, &[4, 3], &rows);
    write_npy(
        &folder().join("columns.npy"),
        npyz::Order::Fortran,
        &[4, 3],
        &columns,
    );
    let exact = points.map(|point| {
        let squared: f64 = (0..3)
            .map(|axis| (point[axis] - CENTER[axis]).powi(2))
            .sum();
        squared.sqrt() - RADIUS
    });
    for name in ["rows.npy", "columns.npy"] {
        let report = json(
            folder(),
            &format!("distance sphere.obj --points {name} -o d.npy --json"),
        );
        assert_eq!(
            (&report["sign"], &report["queries"]),
            (&"crossings".into(), &4.into())
        );
        let (shape, distances) = read_npy(&folder().join("d.npy"));
        assert_eq!(shape, [4]);
        for (found, exact) in distances.iter().zip(exact) {
            assert!(
                (f64::from(*found) - exact).abs() < 5e-3 * RADIUS,
                "{found} for {exact}"
            );
        }
        let report = json(
            folder(),
            &format!(
                "eval sphere.safetensors --points {name} -o v.npy.npy --quantity value,gradient --json"
            ),
        );
        assert_eq!(report["points"], 4);
        let columns = report["columns"].as_array().unwrap();
        let names: Vec<_> = columns.iter().map(|column| &column["name"]).collect();
        assert_eq!(names, ["value", "gradient.x", "gradient.y", "gradient.z"]);
        assert_eq!(
            (&columns[0]["unit"], &columns[1]["unit"]),
            (&"length".into(), &"".into())
        );
        let (shape, values) = read_npy(&folder().join("v.npy.npy"));
        assert_eq!(shape, [4, 4]);
        assert!(
            (f64::from(values[4]) - exact[1]).abs() < 0.1 * RADIUS,
            "{values:?}"
        );
        assert!(
            values[5] > 0.5,
            "the gradient points away from the centre: {values:?}"
        );
    }
    let unsigned = json(
        folder(),
        "distance sphere.obj --points rows.npy -o u.npy --sign none --json",
    );
    assert_eq!(unsigned["sign"], "unsigned");
    assert!(
        read_npy(&folder().join("u.npy"))
            .1
            .iter()
            .all(|&d| d >= 0.0)
    );
}

#[test]
fn compare_measures_models_and_meshes() {
    let model = json(
        folder(),
        "compare sphere.obj sphere.safetensors --samples 5000 --resolution 32 --json",
    );
    // By another implementation's way to the same field: the figures are those of the fit.
    let difference = |key: &str| {
        let figure = |report: &Value| report["metrics"][key].as_f64().unwrap();
        (figure(&model) - figure(&fixture().report)).abs()
    };
    assert!(
        difference("near_mae") < 1e-6 && difference("iou") < 1e-6,
        "{model}"
    );
    assert!(
        model["surface"]["chamfer_l1"].as_f64().unwrap() < 0.02,
        "{model}"
    );
    assert_eq!(model["surface"]["resolution"], 32);

    write_obj(
        &folder().join("larger.obj"),
        &shapes::icosphere(4, 1.1 * RADIUS).translated(CENTER),
    );
    let mesh = json(
        folder(),
        "compare sphere.obj larger.obj --samples 5000 --json",
    );
    let figure = |key: &str| mesh["surface"][key].as_f64().unwrap();
    assert!((figure("chamfer_l1") - 0.05).abs() < 1e-3, "{mesh}");
    assert!((figure("hausdorff") - 0.05).abs() < 2e-3, "{mesh}");
    assert!(figure("normal_consistency") > 0.99, "{mesh}");
    assert_eq!(mesh["metrics"], Value::Null);
}

#[test]
fn a_scan_is_taken_by_everything_that_takes_a_mesh() {
    let folder = folder();
    let line = |p: &[f64; 3]| format!("{} {} {}\n", p[0], p[1], p[2]);
    let points = shapes::icosphere(4, RADIUS).translated(CENTER).positions;
    let text: String = points.iter().map(line).collect();
    std::fs::write(folder.join("scan.xyz"), text).unwrap();
    let said = |report: &Value| report["warnings"][0].to_string();

    let inspected = json(folder, "inspect scan.xyz --json");
    assert_eq!(inspected["health"]["watertight"], true);
    assert!(
        said(&inspected).contains("was put through 2562 points"),
        "{inspected}"
    );

    let fitted = json(
        folder,
        "fit scan.xyz -o scan.safetensors --preset auto --steps 150 --batch-size 2048 --json",
    );
    assert_eq!(fitted["preset"], "points");
    let reason = fitted["preset_reason"].as_str().unwrap();
    assert!(reason.contains("2562 points"), "{reason}");
    assert!(
        said(&fitted).contains("was put through 2562 points"),
        "{fitted}"
    );
    let model = json(
        folder,
        "compare sphere.obj scan.safetensors --samples 5000 --resolution 64 --json",
    );
    assert!(model["metrics"]["iou"].as_f64().unwrap() > 0.98, "{model}");

    let compared = json(folder, "compare sphere.obj scan.xyz --samples 5000 --json");
    assert!(
        compared["surface"]["hausdorff"].as_f64().unwrap() < 2e-3,
        "{compared}"
    );
    assert!(
        said(&compared).contains("was put through 2562 points"),
        "{compared}"
    );

    let center = CENTER.map(|x| x as f32);
    write_npy(&folder.join("center.npy"), npyz::Order::C, &[1, 3], &center);
    json(
        folder,
        "distance scan.xyz --points center.npy -o center-distance.npy --json",
    );
    let (shape, distances) = read_npy(&folder.join("center-distance.npy"));
    assert_eq!(shape[0], 1);
    let off = f64::from(distances[0]) + RADIUS;
    assert!(off.abs() < 0.01, "{off}");
}

#[test]
fn bench_and_completions_print_what_they_promise() {
    let bench = json(
        folder(),
        "bench sphere.obj --case distance/near --seconds 0.05 --threads 1 --json",
    );
    assert_eq!(bench["threads"], 1);
    assert_eq!(
        (&bench["cases"][0]["name"], &bench["cases"][0]["unit"]),
        (&"distance/near".into(), &"queries/s".into())
    );
    assert!(bench["cases"][0]["value"].as_f64().unwrap() > 0.0);
    assert_eq!(bench["cases"].as_array().unwrap().len(), 1);
    let script = overfit(folder(), "completions bash");
    assert!(
        String::from_utf8(script.stdout)
            .unwrap()
            .contains("_overfit")
    );
    let version = overfit(folder(), "--version");
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        format!("overfit {}\n", overfit::VERSION)
    );
}

#[test]
fn no_points_give_an_empty_result() {
    write_npy::<f32>(&folder().join("nothing.npy"), npyz::Order::C, &[0, 3], &[]);
    let report = json(
        folder(),
        "eval sphere.safetensors --points nothing.npy -o empty.npy --json",
    );
    assert_eq!(report["points"], 0);
    assert_eq!(read_npy(&folder().join("empty.npy")), (vec![0], Vec::new()));
}

#[test]
fn curvature_of_a_field_that_is_smooth_in_pieces_is_that_of_a_smoothed_one() {
    let points: Vec<f64> = [[1.0, 0.0, 0.0], [0.0, -0.6, 0.8]]
        .iter()
        .flat_map(|n: &[f64; 3]| {
            (0..3)
                .map(|k| CENTER[k] + RADIUS * n[k])
                .collect::<Vec<_>>()
        })
        .collect();
    let order = npyz::Order::C;
    write_npy(&folder().join("on_it.npy"), order, &[2, 3], &points);
    let report = json(
        folder(),
        "eval sphere.safetensors --points on_it.npy -o k.npy --quantity mean-curvature,normal --json",
    );
    // 2 % of the longest side.
    let smoothing = report["smoothing"].as_f64().unwrap();
    assert!(
        (smoothing / (0.04 * RADIUS) - 1.0).abs() < 1e-2,
        "{smoothing}"
    );
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("piece by piece") && warning.contains("mean-curvature"),
        "{warning}"
    );
    assert!(!warning.contains("normal"), "{warning}");
    let (shape, rows) = read_npy(&folder().join("k.npy"));
    assert_eq!(shape, [2, 4]);
    for row in rows.chunks_exact(4) {
        assert!((f64::from(row[0]) * RADIUS - 1.0).abs() < 0.5, "{rows:?}");
    }
    assert!(rows[1] > 0.9 && rows[7] > 0.7, "{rows:?}");
    let asked = json(
        folder(),
        "eval sphere.safetensors --points on_it.npy -o k.npy --quantity gaussian-curvature --smoothing 0.5 --json",
    );
    assert_eq!(asked["smoothing"], 0.5);
    assert_eq!(asked["warnings"], Value::Array(Vec::new()));
}

#[test]
fn a_model_is_measured_in_its_own_units() {
    let report = json(folder(), "measure sphere.safetensors --json");
    let number = |key: &str| report[key].as_f64().unwrap();
    let pi = std::f64::consts::PI;
    for (key, exact) in [
        ("volume", 4.0 / 3.0 * pi * RADIUS.powi(3)),
        ("area", 4.0 * pi * RADIUS * RADIUS),
        ("mean_curvature_integral", 4.0 * pi * RADIUS),
    ] {
        assert!((number(key) / exact - 1.0).abs() < 0.02, "{key}: {report}");
    }
    for key in ["volume", "area"] {
        let error = report["errors"][key].as_f64().unwrap();
        assert!(error > 0.0 && error <= 1e-2 * number(key), "{report}");
    }
    for axis in 0..3 {
        let centroid = report["centroid"][axis].as_f64().unwrap();
        assert!((centroid - CENTER[axis]).abs() < 0.01 * RADIUS, "{report}");
        let high = report["bounds"]["max"][axis].as_f64().unwrap();
        assert!(
            (high - CENTER[axis] - RADIUS).abs() < 0.02 * RADIUS,
            "{report}"
        );
        let inertia = report["inertia"][axis][axis].as_f64().unwrap();
        assert!((inertia / (0.4 * number("volume") * RADIUS * RADIUS) - 1.0).abs() < 0.02);
    }
    let nothing = json(folder(), "measure sphere.safetensors --iso -3 --json");
    assert_eq!(
        (&nothing["volume"], &nothing["area"]),
        (&0.0.into(), &0.0.into())
    );
    let warning = nothing["warnings"][0].as_str().unwrap();
    assert!(warning.contains("nowhere below -3"), "{warning}");
}

#[test]
fn models_go_out_for_other_programs() {
    let small = "fit sphere.obj -o small.safetensors --preset compact --steps 20 --set architecture.mlp.hidden_width=8 --json";
    json(folder(), small);
    for format in ["glsl", "wgsl", "osl", "onnx"] {
        let report = json(
            folder(),
            &format!("export small.safetensors -o small.{format} --json"),
        );
        let file = std::fs::read(folder().join(format!("small.{format}"))).unwrap();
        assert_eq!(report["format"], format);
        assert_eq!(report["bytes"], file.len());
    }
    let glsl = std::fs::read_to_string(folder().join("small.glsl")).unwrap();
    assert!(glsl.contains("float sdf(vec3 p) {"));
    let refused = failure(folder(), "export sphere.safetensors -o sphere.glsl");
    assert!(
        refused.contains("spline") && refused.contains("preset compact"),
        "{refused}"
    );
    let unknown = failure(folder(), "export sphere.safetensors -o sphere.fbx");
    assert!(unknown.contains(".onnx, .glsl"), "{unknown}");
}

#[test]
fn a_compact_file_is_read_by_every_command() {
    let report = json(
        folder(),
        "compress sphere.safetensors -o compact.safetensors --error 5e-4 --json",
    );
    let (bytes, before) = (
        report["bytes"].as_u64().unwrap(),
        report["bytes_before"].as_u64().unwrap(),
    );
    assert!(3 * bytes < before, "{report}");
    let largest = report["largest_error"].as_f64().unwrap();
    assert!(
        largest <= 5e-4 * 2.0 * RADIUS && report["mean_error"].as_f64().unwrap() < 0.5 * largest
    );
    let mesh = json(
        folder(),
        "mesh compact.safetensors -o compact.ply --resolution 64 --json",
    );
    assert_eq!(mesh["watertight"], true);
    let inspected = json(folder(), "inspect compact.safetensors --json");
    assert_eq!(
        inspected["training"]["compact"]["largest_error"],
        report["largest_error"]
    );
    json(
        folder(),
        "export compact.safetensors -o plain.safetensors --json",
    );
    let points: Vec<f32> = (0..300)
        .map(|index| CENTER[index % 3] as f32 + (index as f32 * 0.7).sin() * 3.0)
        .collect();
    write_npy(
        &folder().join("around.npy"),
        npyz::Order::C,
        &[100, 3],
        &points,
    );
    let values = ["compact", "plain", "sphere"].map(|name| {
        json(
            folder(),
            &format!("eval {name}.safetensors --points around.npy -o around-{name}.npy --json"),
        );
        read_npy(&folder().join(format!("around-{name}.npy"))).1
    });
    for ((compact, plain), before) in values[0].iter().zip(&values[1]).zip(&values[2]) {
        assert!((compact - plain).abs() < 1e-4 && (compact - before).abs() < 0.02);
    }
    let refused = failure(
        folder(),
        "compress sphere.safetensors -o x.safetensors --error 0",
    );
    assert!(refused.contains("1e-6"), "{refused}");
}

#[test]
fn models_are_put_together_by_recipes_that_every_command_takes() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for name in ["sphere.obj", "sphere.safetensors"] {
        std::fs::copy(fixture().folder.path().join(name), here.join(name)).unwrap();
    }
    std::fs::create_dir(here.join("out")).unwrap();
    // Half of the ball, and what is left of it further out.
    let cut = "half-space = { point = [10, -5, 3], normal = [0, 0, 1] }";
    std::fs::write(here.join("below.toml"), cut).unwrap();
    let unbounded = failure(here, "mesh below.toml -o below.ply");
    assert!(
        unbounded.contains("half-space has no bounds"),
        "{unbounded}"
    );
    let whole = "combine sphere.safetensors below.toml --intersection -o out/half.toml --json";
    let report = json(here, whole);
    assert_eq!(report["exact_outside"], false);
    assert_eq!(report["bounds"]["max"][2], 3.0);
    let text = std::fs::read_to_string(here.join("out/half.toml")).unwrap();
    assert!(
        text.contains("../sphere.safetensors") && text.contains("../below.toml"),
        "{text}"
    );
    json(
        here,
        "combine out/half.toml --offset 0.5 -o grown.toml --json",
    );

    let ball = 4.0 / 3.0 * std::f64::consts::PI * RADIUS.powi(3);
    let measured = json(here, "measure out/half.toml --error 0.01 --json");
    let volume = measured["volume"].as_f64().unwrap();
    assert!((volume / (0.5 * ball) - 1.0).abs() < 0.03, "{measured}");
    let mesh = json(here, "mesh grown.toml -o grown.ply --resolution 64 --json");
    assert_eq!(mesh["watertight"], true);
    let top = mesh["bounds"]["max"][2].as_f64().unwrap();
    assert!((top - 3.5).abs() < 0.02, "{mesh}");
    let points = [10.0, -5.0, 4.0, 10.0, -5.0, 0.0];
    write_npy(&here.join("points.npy"), npyz::Order::C, &[2, 3], &points);
    json(
        here,
        "eval out/half.toml --points points.npy -o values.npy --json",
    );
    let (_, values) = read_npy(&here.join("values.npy"));
    assert!(
        (values[0] - 1.0).abs() < 0.05 && (values[1] - 1.0).abs() < 0.05,
        "{values:?}"
    );
    json(
        here,
        "volume out/half.toml -o half.vdb --resolution 32 --json",
    );
    json(here, "render out/half.toml -o half.png --size 32 --json");
    assert_eq!(json(here, "inspect out/half.toml --json")["kind"], "recipe");
    let distilled =
        "fit out/half.toml -o half.safetensors --preset draft --steps 100 --batch-size 2048 --json";
    let report = json(here, distilled);
    assert!(
        report["metrics"]["near_mae"].as_f64().unwrap() < 2e-3,
        "{report}"
    );
    assert!(
        report["metrics"]["iou"].as_f64().unwrap() > 0.98,
        "{report}"
    );

    for (words, told) in [
        (
            "combine sphere.safetensors sphere.safetensors -o x.toml",
            "--union",
        ),
        (
            "combine sphere.safetensors --smooth 1 -o x.toml",
            "blends nothing",
        ),
        (
            "combine sphere.safetensors gone.safetensors --union -o x.toml",
            "gone.safetensors",
        ),
        (
            "combine sphere.safetensors --union -o x.toml",
            "1 of the 2 parts",
        ),
        (
            "combine sphere.safetensors --offset -9 -o x.toml",
            "nothing is left",
        ),
        (
            "combine grown.toml --offset 1 -o grown.toml",
            "refer to itself",
        ),
        (
            "combine sphere.safetensors --offset 1 -o x.json",
            "must end in .toml",
        ),
        ("compress grown.toml -o small.safetensors", "is a recipe"),
        ("export grown.toml -o grown.onnx", "is a recipe"),
    ] {
        let line = failure(here, words);
        assert!(line.contains(told), "{words}: {line}");
    }
    let own = "difference = { of = [{ model = 'self.toml' }, { sphere = { radius = 1 } }] }";
    std::fs::write(here.join("self.toml"), own).unwrap();
    let line = failure(here, "mesh self.toml -o x.ply");
    assert!(
        line.contains("refers to itself: self.toml → self.toml"),
        "{line}"
    );
    let mut bytes = std::fs::read(here.join("sphere.safetensors")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(here.join("sphere.safetensors"), bytes).unwrap();
    let line = failure(here, "mesh grown.toml -o x.ply");
    assert!(
        line.contains("damaged") && line.contains("sphere.safetensors"),
        "{line}"
    );
}
