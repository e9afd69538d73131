//! Files that are no mesh of a format that is read, and are picked by mistake: known by their first bytes.

use super::text::starts_with_word;

/// What a file is instead of a mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Foreign {
    /// In words, with an article.
    pub name: &'static str,
    /// What to do, as an imperative.
    pub advice: &'static str,
}

const EXPORT: &str = "export it as OBJ, PLY, STL or glTF";
const UNPACK: &str = "unpack it and use the mesh inside";
const NO_MESH: &str = "it holds no mesh";
const RECONSTRUCT: &str = "export its points as PLY or XYZ";

/// First bytes that are beyond doubt.
const MAGIC: [(&[u8], &str, &str); 48] = [
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, which only names the file",
        "run `git lfs pull` in the repository that it is from",
    ),
    (
        b"version https://hawser.github.com/spec/",
        "a Git LFS pointer, which only names the file",
        "run `git lfs pull` in the repository that it is from",
    ),
    (
        b"404: Not Found",
        "the answer of a web server that has no such file",
        "download it again from the right address",
    ),
    (b"BLENDER", "a Blender file", EXPORT),
    (b"Kaydara FBX", "an FBX file", EXPORT),
    (b"; FBX ", "an FBX file in text", EXPORT),
    (b"ISO-10303-21", "a STEP file", EXPORT),
    (b"AutoCAD Binary DXF", "a binary DXF file", EXPORT),
    (b"AC10", "a DWG drawing", EXPORT),
    (b"PXR-USDC", "a USD file", EXPORT),
    (b"#usda", "a USD file in text", EXPORT),
    (b"#VRML", "a VRML file", EXPORT),
    (b"#X3D", "an X3D file", EXPORT),
    (b"#Inventor", "an Open Inventor file", EXPORT),
    (b"xof 0", "a DirectX file", EXPORT),
    (b"# vtk DataFile", "a VTK file", EXPORT),
    (b"Ogawa", "an Alembic file", EXPORT),
    (b"3D Geometry File Format", "a Rhino file", EXPORT),
    (b"$MeshFormat", "a Gmsh file", EXPORT),
    (b"MeshVersionFormatted", "a Medit file", EXPORT),
    (b"DRACO", "a Draco file", EXPORT),
    (
        b"newmtl",
        "a material library (.mtl)",
        "use the .obj that it belongs to",
    ),
    (b"# .PCD", "a point cloud (.pcd)", RECONSTRUCT),
    (b"LASF", "a point cloud (.las)", RECONSTRUCT),
    (b"\x20BDV\0\0\0\0", "an OpenVDB volume", NO_MESH),
    (b"\x93NUMPY", "a NumPy array", NO_MESH),
    (b"\x89HDF", "an HDF5 file", NO_MESH),
    (b"SQLite format 3", "an SQLite database", NO_MESH),
    (b"\x89PNG", "a PNG picture", NO_MESH),
    (b"\xff\xd8\xff", "a JPEG picture", NO_MESH),
    (b"GIF8", "a GIF picture", NO_MESH),
    (b"%PDF", "a PDF document", NO_MESH),
    (b"PK\x05\x06", "an empty zip archive", NO_MESH),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "Zstandard-compressed data", UNPACK),
    (b"Salted__", "an encrypted file", "decrypt it first"),
    (b"<COLLADA", "a Collada file", EXPORT),
    (b"<X3D", "an X3D file", EXPORT),
    (b"<amf", "an AMF file", EXPORT),
    (b"<VTKFile", "a VTK file", EXPORT),
    (b"<svg", "an SVG picture", NO_MESH),
    (b"<!doctype html", "a web page", DOWNLOAD),
    (b"<html", "a web page", DOWNLOAD),
    (b"<head", "a web page", DOWNLOAD),
];
const DOWNLOAD: &str = "the link led to a page: download the file itself";

/// What `bytes` are, if they are none of the formats that are read.
pub(super) fn recognise(bytes: &[u8]) -> Option<Foreign> {
    let foreign = |name, advice| Some(Foreign { name, advice });
    if bytes.starts_with(b"PK\x03\x04") {
        return recognise_zip(bytes);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return foreign("a tar archive", UNPACK);
    }
    // 3D Studio: a chunk 0x4d4d as long as the file.
    if bytes.starts_with(b"MM") && bytes.get(2..6) == Some(&(bytes.len() as u32).to_le_bytes()) {
        return foreign("a 3DS file", EXPORT);
    }
    if bytes.get(64..80).is_some_and(|columns| {
        columns.starts_with(b"        S") && columns[9..].trim_ascii() == b"1"
    }) {
        return foreign("an IGES file", EXPORT);
    }
    let text = bytes.trim_ascii_start();
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|w| !w.is_empty());
    if (words.next(), words.next()) == (Some(b"0"), Some(b"SECTION")) {
        return foreign("a DXF drawing", EXPORT);
    }
    if text.starts_with(b"<") {
        return recognise_markup(text);
    }
    let (_, name, advice) = MAGIC.iter().find(|(magic, ..)| bytes.starts_with(magic))?;
    foreign(name, advice)
}

/// An archive that is a format of its own, by the name of its first files, or any other.
fn recognise_zip(bytes: &[u8]) -> Option<Foreign> {
    let head = &bytes[..bytes.len().min(4096)];
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    let (name, advice) = if has(b"3D/3dmodel") || has(b"[Content_Types].xml") || has(b"3D/") {
        ("a 3MF file", EXPORT)
    } else if has(b".usdc") || has(b".usda") {
        ("a USDZ file", EXPORT)
    } else {
        ("a zip archive", UNPACK)
    };
    Some(Foreign { name, advice })
}

/// XML and web pages, by the first tag that says something.
fn recognise_markup(text: &[u8]) -> Option<Foreign> {
    const LOOK: usize = 2048;
    let head = &text[..text.len().min(LOOK)];
    let tags = (0..head.len()).filter(|&at| head[at] == b'<');
    for at in tags {
        let known = MAGIC
            .iter()
            .find(|(magic, ..)| magic.starts_with(b"<") && starts_with_word(&head[at..], magic));
        if let Some((_, name, advice)) = known {
            return Some(Foreign { name, advice });
        }
    }
    Some(Foreign {
        name: "XML or a web page",
        advice: "download the file itself, or export it as OBJ, PLY, STL or glTF",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_pick_by_mistake_is_named_with_what_to_do() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let mut iges = vec![b' '; 80];
        (iges[72], iges[79]) = (b'S', b'1');
        let cases: [(&[u8], &str, &str); 14] = [
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                "Git LFS",
                "git lfs pull",
            ),
            (b"\n<!DOCTYPE html>\n<html>", "web page", "download"),
            (b"<?xml version=\"1.0\"?>\n<COLLADA>", "Collada", "export"),
            (b"<?xml version=\"1.0\"?>\n<other/>", "XML", "export"),
            (b"PK\x03\x04....bunny.obj", "a zip archive", "unpack"),
            (b"PK\x03\x04....3D/3dmodel.model", "3MF", "export"),
            (b"\x1f\x8b\x08", "gzip", "unpack"),
            (b"Kaydara FBX Binary  \0", "FBX", "export"),
            (b"ISO-10303-21;\n", "STEP", "export"),
            (b"  0\nSECTION\n", "DXF", "export"),
            (b"MM\x08\0\0\0..", "3DS", "export"),
            (&tar, "tar", "unpack"),
            (&iges, "IGES", "export"),
            (b"newmtl a\n", ".mtl", ".obj"),
        ];
        for (bytes, name, advice) in cases {
            let foreign = recognise(bytes).expect(name);
            assert!(foreign.name.contains(name), "{foreign:?}");
            assert!(foreign.advice.contains(advice), "{foreign:?}");
        }
        assert_eq!(recognise(b"v 0 0 0\n"), None);
        assert_eq!(recognise(b"0 SOMETHING"), None);
    }
}
