/* Frames of the room protocol: a bid read, an answer written, the ids in both. Of compiled.c alone. */
#pragma once
#include "buffer.h"

static int nibble(unsigned char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Read the 36 characters of a UUID in lower case; 0 if they are none. */
static int parse_id(const unsigned char *at, unsigned char *raw) {
    for (int i = 0; i < 16; i++, at += 2) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-') return 0;
        int high = nibble(at[0]), low = nibble(at[1]);
        if (high < 0 || low < 0) return 0;
        raw[i] = (unsigned char)(high << 4 | low);
    }
    return 1;
}

PyDoc_STRVAR(read_id_doc, "read_id(text) -> the 16 bytes of a UUID in its one lower-case form, None for anything else");

static PyObject *read_id(PyObject *self, PyObject *text) {
    unsigned char raw[16];
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "read_id() takes text");
        return NULL;
    }
    if (!PyUnicode_IS_ASCII(text) || PyUnicode_GET_LENGTH(text) != 36) Py_RETURN_NONE;
    if (!parse_id((const unsigned char *)PyUnicode_1BYTE_DATA(text), raw)) Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)raw, 16);
}

/* Write 36 characters. */
static void write_id(const unsigned char *from, char *at) {
    for (int i = 0; i < 16; i++, at += 2) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        memcpy(at, hexadecimal + 2 * from[i], 2);
    }
}

PyDoc_STRVAR(id_text_doc, "id_text(command_id) -> 16 bytes as a UUID");

static PyObject *id_text(PyObject *self, PyObject *id) {
    if (!PyBytes_Check(id) || PyBytes_GET_SIZE(id) != 16) {
        PyErr_SetString(PyExc_TypeError, "id_text() takes 16 bytes");
        return NULL;
    }
    PyObject *text = PyUnicode_New(36, 127);
    if (text != NULL) write_id((const unsigned char *)PyBytes_AS_STRING(id), (char *)PyUnicode_1BYTE_DATA(text));
    return text;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Step over `text` at *at; 0 if something else stands there. */
static int skip(const char **at, const char *end, const char *text, Py_ssize_t size) {
    if (end - *at < size || memcmp(*at, text, size)) return 0;
    *at += size;
    return 1;
}

#define SKIP(at, end, text) skip(at, end, text, sizeof(text) - 1)

/* Step over the name of a lot: [a-z0-9][a-z0-9-]{0,39}(\.[0-9]{1,4})? and a closing quote; return where it ends, or NULL. */
static const char *skip_lot(const char **at, const char *end) {
    const char *from = *at, *to = from;
    while (to < end && (is_digit(*to) || (*to >= 'a' && *to <= 'z') || (*to == '-' && to > from))) to++;
    if (to == from || to - from > 40) return NULL;
    if (to < end && *to == '.') {
        const char *dot = to++;
        while (to < end && is_digit(*to)) to++;
        if (to - dot < 2 || to - dot > 5) return NULL;
    }
    if (to == end || *to != '"') return NULL;
    *at = to + 1;
    return to;
}

/* Read null, or digits in quotes that fit 64 bits: a new reference, or NULL (with an exception only if memory is out). */
static PyObject *read_digits(const char **at, const char *end) {
    if (SKIP(at, end, "null")) Py_RETURN_NONE;
    if (!SKIP(at, end, "\"")) return NULL;
    const char *from = *at, *to = from;
    long long value = 0;
    for (; to < end && is_digit(*to) && to - from <= 18; to++) value = 10 * value + (*to - '0');
    if (to == from || to - from > 18 || (*from == '0' && to - from > 1) || to == end || *to != '"') return NULL;
    *at = to + 1;
    return PyLong_FromLongLong(value);
}

/* The name of a lot as text: the same object for the same lot most times, so that dictionaries know its hash. */
static PyObject *lot_text(const char *at, Py_ssize_t size) {
    static PyObject *known[64];
    uint32_t hash = 2166136261u;
    for (Py_ssize_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)at[i]) * 16777619u;
    PyObject **place = &known[(hash ^ hash >> 16) % 64], *lot = *place;
    if (lot == NULL || PyUnicode_GET_LENGTH(lot) != size || memcmp(PyUnicode_1BYTE_DATA(lot), at, size)) {
        lot = PyUnicode_FromStringAndSize(at, size); /* ASCII: skip_lot() lets nothing else through */
        if (lot == NULL) return NULL;
        Py_XSETREF(*place, lot);
    }
    return Py_NewRef(lot);
}

PyDoc_STRVAR(read_bid_doc, "read_bid(payload) -> (command id, lot, amount, maximum, confirmed), None for a frame in any other form");

static PyObject *read_bid(PyObject *self, PyObject *payload) {
    if (!PyBytes_Check(payload)) {
        PyErr_SetString(PyExc_TypeError, "read_bid() takes bytes");
        return NULL;
    }
    const char *at = PyBytes_AS_STRING(payload), *end = at + PyBytes_GET_SIZE(payload), *lot, *lot_end;
    PyObject *amount = NULL, *maximum = NULL, *confirmed = Py_False, *read = NULL;
    unsigned char id[16];
    if (!SKIP(&at, end, "{\"t\":\"bid\",\"id\":\"") || end - at < 37 || !parse_id((const unsigned char *)at, id)) Py_RETURN_NONE;
    at += 36;
    if (!SKIP(&at, end, "\",\"lot\":\"")) Py_RETURN_NONE;
    lot = at;
    if ((lot_end = skip_lot(&at, end)) == NULL) Py_RETURN_NONE;
    if (!SKIP(&at, end, ",\"amount\":")) amount = Py_NewRef(Py_None);
    else if ((amount = read_digits(&at, end)) == NULL) goto other;
    if (!SKIP(&at, end, ",\"maximum\":")) maximum = Py_NewRef(Py_None);
    else if ((maximum = read_digits(&at, end)) == NULL) goto other;
    if (SKIP(&at, end, ",\"confirm\":true")) confirmed = Py_True;
    else SKIP(&at, end, ",\"confirm\":false");
    if (end - at != 1 || *at != '}') goto other;
    PyObject *raw = PyBytes_FromStringAndSize((const char *)id, sizeof id);
    PyObject *name = raw == NULL ? NULL : lot_text(lot, lot_end - lot);
    if (name != NULL) read = PyTuple_Pack(5, raw, name, amount, maximum, confirmed);
    Py_XDECREF(raw);
    Py_XDECREF(name);
other:
    Py_XDECREF(amount);
    Py_XDECREF(maximum);
    if (read == NULL && !PyErr_Occurred()) Py_RETURN_NONE;
    return read;
}

PyDoc_STRVAR(accepted_frame_doc, "accepted_frame(receipt, bid) -> the frame that tells of an accepted command; `bid` None: it was none");

enum { COMMAND_ID, SUBJECT_ID, SEQ, AT_US, DIGEST, OF_RECEIPT };
enum { CODE, LEADER_CODE, PRICE, MAXIMUM, CLOSES_AT_US, EXTENDED, OF_BID };

static int put_accepted(Buffer *b, PyObject *const *told, PyObject *const *bid) {
    char id[38];
    if (!PyBytes_Check(told[COMMAND_ID]) || PyBytes_GET_SIZE(told[COMMAND_ID]) != 16 || !PyUnicode_Check(told[SUBJECT_ID])) return 1;
    write_id((const unsigned char *)PyBytes_AS_STRING(told[COMMAND_ID]), id);
    int done = 0, leading = bid == NULL ? 0 : PyObject_RichCompareBool(bid[LEADER_CODE], bid[CODE], Py_EQ);
    if (leading < 0) return -1;
#define FIELD(key, write) \
    if (!done) done = PUT(b, key); \
    if (!done) done = write;
    FIELD("{\"t\":\"accepted\",\"id\":\"", put(b, id, 36))
    FIELD("\",\"lot\":", put_text(b, told[SUBJECT_ID]))
    FIELD(",\"seq\":", put_plain(b, told[SEQ]))
    FIELD(",\"at_us\":", put_plain(b, told[AT_US]))
    FIELD(",\"digest\":", put_hex(b, told[DIGEST]))
    FIELD(",\"price\":", put_field(b, bid == NULL ? Py_None : bid[PRICE], 'a'))
    FIELD(",\"leading\":", put_plain(b, leading ? Py_True : Py_False))
    FIELD(",\"maximum\":", put_field(b, bid == NULL ? Py_None : bid[MAXIMUM], 'a'))
    FIELD(",\"closes_at_us\":", put_plain(b, bid == NULL ? Py_None : bid[CLOSES_AT_US]))
    FIELD(",\"extended\":", put_plain(b, bid == NULL ? Py_False : bid[EXTENDED]))
#undef FIELD
    return done ? done : PUT(b, "}");
}

static PyObject *accepted_frame(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    static const char *const receipt_texts[] = {"command_id", "subject_id", "seq", "at_us", "digest"};
    static const char *const bid_texts[] = {"code", "leader_code", "price", "maximum", "closes_at_us", "extended"};
    static PyObject *receipt_names[OF_RECEIPT], *bid_names[OF_BID];
    static Places receipts, bids;
    if (count != 2 || intern_all(receipt_names, receipt_texts, OF_RECEIPT) || intern_all(bid_names, bid_texts, OF_BID)) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "accepted_frame(receipt, bid)");
        return NULL;
    }
    PyObject *told[OF_RECEIPT], *bid[OF_BID], *made = NULL;
    Buffer b;
    start(&b);
    int done = borrow(&receipts, given[0], receipt_names, told, OF_RECEIPT);
    if (!done && given[1] != Py_None) done = borrow(&bids, given[1], bid_names, bid, OF_BID);
    if (!done) done = put_accepted(&b, told, given[1] == Py_None ? NULL : bid);
    made = taken(&b, done);
    return done == 1 ? by_reference("accepted_frame", given, count) : made;
}
