//! The Debian package of these binaries, as `[package.metadata.deb]` describes it: with the real files and maintainer scripts, but
//! without what `packaging/build-deb` generates, which takes a tool that not every machine has. `tests/run --full` brings real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with real packages, the older one first.
const BUILT: &str = "GREENGATE_DEBS";

/// A version, and the one that comes after it, into a folder; their names there.
pub fn two_versions(folder: &Path) -> [String; 2] {
    let Some(built) = std::env::var_os(BUILT) else {
        return ["0.1.0-1", "0.1.0-2"].map(|version| build(folder, version, |_| ()));
    };
    let mut names: Vec<String> = fs::read_dir(&built)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in &names {
        fs::copy(Path::new(&built).join(name), folder.join(name)).unwrap();
    }
    names
        .try_into()
        .unwrap_or_else(|names| panic!("not two packages: {names:?}"))
}

/// Builds a package into a folder, after `change` has seen its files; its name there.
pub fn build(folder: &Path, version: &str, change: impl FnOnce(&Path)) -> String {
    let manifest: toml::Table = toml::from_str(include_str!("../../../Cargo.toml")).unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let tree = tempfile::tempdir().unwrap();
    for asset in deb["assets"].as_array().unwrap() {
        let [source, target, mode] = [0, 1, 2].map(|at| asset[at].as_str().unwrap());
        for file in files(source) {
            let to = tree.path().join(target);
            let named = target.ends_with('/').then(|| file.file_name().unwrap());
            let to = named.map_or_else(|| to.clone(), |name| to.join(name));
            put(&file, &to, u32::from_str_radix(mode, 8).unwrap());
        }
    }
    for script in ["postinst", "prerm", "postrm"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(deb["maintainer-scripts"].as_str().unwrap());
        put(&folder.join(script), &tree.path().join("DEBIAN").join(script), 0o755);
    }
    let said = |key: &str| deb[key].as_str().unwrap();
    let control = format!(
        "Package: greengate\nVersion: {version}\nArchitecture: all\nMaintainer: {}\nDepends: {}\nDescription: of the tests\n",
        said("maintainer"),
        said("depends").replace("$auto", "libc6"),
    );
    fs::write(tree.path().join("DEBIAN/control"), control).unwrap();
    change(tree.path());
    let name = format!("greengate_{version}_all.deb");
    let built = Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Znone", "--build"])
        .arg(tree.path())
        .arg(folder.join(&name))
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    name
}

/// What a source of `assets` names.
fn files(source: &str) -> Vec<PathBuf> {
    match source {
        "target/release/proxyd" => return vec![env!("CARGO_BIN_EXE_proxyd").into()],
        "target/release/proxyctl" => return vec![env!("CARGO_BIN_EXE_proxyctl").into()],
        generated if generated.starts_with("target/") => return Vec::new(),
        _ => {}
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let name = path.file_name().unwrap().to_str().unwrap();
    let Some((before, after)) = name.split_once('*') else {
        return vec![path];
    };
    let fits = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        file.is_file() && name.starts_with(before) && name.ends_with(after)
    };
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(fits).collect();
    assert!(!files.is_empty(), "`{source}` names nothing");
    files
}

fn put(file: &Path, to: &Path, mode: u32) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(file, to).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).unwrap();
}
