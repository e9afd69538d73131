//! Tests of `text.rs`.

use super::*;

#[test]
fn lines_end_in_all_three_ways_and_are_counted_alike() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["a", "", "b c", "d"].join(end);
        let lines: Vec<&[u8]> = Lines::new(text.as_bytes()).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"b c", b"d"]);
        let place = |letter| text.find(letter).unwrap();
        for (letter, line) in [('a', 1), ('b', 3), ('c', 3), ('d', 4)] {
            assert_eq!(line_number(text.as_bytes(), place(letter)), line);
        }
    }
}

#[test]
fn utf_16_is_decoded_and_binary_data_is_not() {
    let text = "v 0 0 0\n# Größe\n";
    let encode =
        |order: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
    let (little, big) = (encode(u16::to_le_bytes), encode(u16::to_be_bytes));
    let marked = |mark: &[u8], body: &[u8]| [mark, body].concat();
    for bytes in [
        text.as_bytes().to_vec(),
        marked(b"\xef\xbb\xbf", text.as_bytes()),
        marked(b"\xff\xfe", &little),
        marked(b"\xfe\xff", &big),
        little,
        big,
    ] {
        assert_eq!(&*plain(&bytes), text.as_bytes());
    }
    for binary in [
        &b"\xff\xfe\0\0\0\0"[..],
        b"x\0\0\0y\0\0\0",
        b"\0\x01\0\0",
        b"",
    ] {
        assert_eq!(&*plain(binary), binary);
    }
}

#[test]
fn numbers_are_read_as_programs_write_them() {
    for (word, value) in [("1e5", 1e5), ("+1", 1.0), (".5", 0.5), ("1.", 1.0)] {
        assert_eq!(float(word.as_bytes()), Some(value));
    }
    for word in ["nan", "-nan(ind)", "NaN", "1.#QNAN", "-1.#IND"] {
        assert!(float(word.as_bytes()).unwrap().is_nan(), "{word}");
    }
    for word in ["", "1,5", "x", "1-2", "\u{e9}"] {
        assert_eq!(float(word.as_bytes()), None, "{word}");
    }
    for (word, value) in [
        ("7", Some(7)),
        ("-7", Some(-7)),
        ("+7.00", Some(7)),
        ("7.5", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(whole(word.as_bytes()), value, "{word}");
    }
}

#[test]
fn records_keep_their_order_and_errors_their_place() {
    // Several pieces: numbers with a blank line between.
    let count = 300_000;
    let text: String = (0..count).map(|i| format!("{i:8}\n\n")).collect();
    let records = Records::new(text.as_bytes(), <[u8]>::trim_ascii);
    assert_eq!(records.count, count);
    assert!(records.pieces.len() > 2);
    let parts: Vec<Vec<i64>> = records
        .read(count - 1, |number, line, part: &mut Vec<i64>| {
            part.push(whole(line).unwrap());
            assert_eq!(number as i64, part[part.len() - 1]);
            Ok(())
        })
        .unwrap();
    assert!(parts.concat().into_iter().eq(0..count as i64 - 1));
    let fail = |number: usize, _: &[u8], (): &mut ()| match number % 200_000 {
        199_999 => Err("no".to_owned()),
        _ => Ok(()),
    };
    let wrong = records.read(count, fail).unwrap_err();
    assert_eq!(line_number(text.as_bytes(), wrong.offset), 399_999);
}
