/* The functions of reference.py in C, byte for byte (tests/engine/test_layout.py holds both together). No state, no I/O, no
 * cryptography: only bytes laid out in place, where Python would make an object for every part. What has no simple layout (text
 * that needs escapes, an integer beyond 64 bits) is left to the reference: these functions then call it.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

/* A buffer that begins on the stack. */
typedef struct {
    char *bytes;
    Py_ssize_t size, room;
    char first[2048];
} Buffer;

static void start(Buffer *b) {
    b->bytes = b->first;
    b->size = 0;
    b->room = sizeof b->first;
}

static void finish(Buffer *b) {
    if (b->bytes != b->first) PyMem_Free(b->bytes);
}

/* Return where `more` bytes may be written, NULL with MemoryError set. */
static char *grow(Buffer *b, Py_ssize_t more) {
    if (b->size + more > b->room) {
        Py_ssize_t room = 2 * (b->size + more);
        char *bytes = b->bytes == b->first ? PyMem_Malloc(room) : PyMem_Realloc(b->bytes, room);
        if (bytes == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        if (b->bytes == b->first) memcpy(bytes, b->first, b->size);
        b->bytes = bytes;
        b->room = room;
    }
    char *at = b->bytes + b->size;
    b->size += more;
    return at;
}

static int put(Buffer *b, const void *bytes, Py_ssize_t size) {
    char *at = grow(b, size);
    if (at == NULL) return -1;
    memcpy(at, bytes, size);
    return 0;
}

#define PUT(b, text) put(b, text, sizeof(text) - 1)

static void big_endian(char *at, uint64_t value, int size) {
    for (int i = size - 1; i >= 0; i--, value >>= 8) at[i] = (char)(value & 255);
}

/* The results of what follows: 0 done, -1 an exception is set, 1 left to the reference. */

static int put_digits(Buffer *b, PyObject *number) {
    char digits[24], *at = digits + sizeof digits;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow) return 1;
    if (value == -1 && PyErr_Occurred()) return -1;
    unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0) *--at = '-';
    return put(b, at, digits + sizeof digits - at);
}

/* A string in quotes, if it is ASCII without anything to escape. */
static int put_text(Buffer *b, PyObject *text) {
    if (!PyUnicode_IS_ASCII(text)) return 1;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    const unsigned char *from = (const unsigned char *)PyUnicode_1BYTE_DATA(text);
    for (Py_ssize_t i = 0; i < size; i++)
        if (from[i] < 32 || from[i] == '"' || from[i] == '\\') return 1;
    char *at = grow(b, size + 2);
    if (at == NULL) return -1;
    *at = '"';
    memcpy(at + 1, from, size);
    at[size + 1] = '"';
    return 0;
}

static int put_hex(Buffer *b, PyObject *bytes) {
    static const char digits[] = "0123456789abcdef";
    if (bytes == Py_None) return PUT(b, "null");
    if (!PyBytes_Check(bytes)) return 1;
    Py_ssize_t size = PyBytes_GET_SIZE(bytes);
    const unsigned char *from = (const unsigned char *)PyBytes_AS_STRING(bytes);
    char *at = grow(b, 2 * size + 2);
    if (at == NULL) return -1;
    *at++ = '"';
    for (Py_ssize_t i = 0; i < size; i++) {
        *at++ = digits[from[i] >> 4];
        *at++ = digits[from[i] & 15];
    }
    *at = '"';
    return 0;
}

static int put_plain(Buffer *b, PyObject *value) {
    if (value == Py_None) return PUT(b, "null");
    if (value == Py_True) return PUT(b, "true");
    if (value == Py_False) return PUT(b, "false");
    if (PyUnicode_Check(value)) return put_text(b, value);
    if (PyLong_Check(value)) return put_digits(b, value);
    return 1;
}

#define ENTRIES_MAX 8

/* An object of texts and integers, keys in order of their bytes. */
static int put_entries(Buffer *b, PyObject *entries) {
    PyObject *keys[ENTRIES_MAX], *values[ENTRIES_MAX], *key, *value;
    Py_ssize_t at = 0, count = 0;
    if (!PyDict_CheckExact(entries) || PyDict_GET_SIZE(entries) > ENTRIES_MAX) return 1;
    while (PyDict_Next(entries, &at, &key, &value)) {
        if (!PyUnicode_CheckExact(key) || !PyUnicode_IS_ASCII(key)) return 1;
        Py_ssize_t place = count++;
        for (; place > 0 && PyUnicode_Compare(keys[place - 1], key) > 0; place--) {
            keys[place] = keys[place - 1];
            values[place] = values[place - 1];
        }
        keys[place] = key;
        values[place] = value;
    }
    if (PUT(b, "{")) return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        int done = i ? PUT(b, ",") : 0;
        if (!done) done = put_text(b, keys[i]);
        if (!done) done = PUT(b, ":");
        if (!done) done = put_plain(b, values[i]);
        if (done) return done;
    }
    return PUT(b, "}");
}

static int put_field(Buffer *b, PyObject *value, long kind) {
    switch (kind) {
    case 'a': { /* an amount: a string of digits, or null */
        if (value == Py_None) return PUT(b, "null");
        if (!PyLong_CheckExact(value)) return 1;
        int done = PUT(b, "\"");
        if (!done) done = put_digits(b, value);
        return done ? done : PUT(b, "\"");
    }
    case 'e':
        return put_entries(b, value);
    default:
        return put_plain(b, value);
    }
}

PyDoc_STRVAR(flat_object_doc, "flat_object(plan, otherwise, value) -> canonical bytes; plan: (kind, attribute, b'\"key\":') in order of keys");

static PyObject *flat_object(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 3 || !PyTuple_Check(given[0])) {
        PyErr_SetString(PyExc_TypeError, "flat_object(plan, otherwise, value)");
        return NULL;
    }
    PyObject *plan = given[0], *value = given[2], *made = NULL;
    Buffer b;
    start(&b);
    int done = PUT(&b, "{");
    for (Py_ssize_t i = 0; !done && i < PyTuple_GET_SIZE(plan); i++) {
        PyObject *step = PyTuple_GET_ITEM(plan, i), *key = PyTuple_GET_ITEM(step, 2);
        if (i) done = PUT(&b, ",");
        if (!done) done = put(&b, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key));
        PyObject *part = done ? NULL : PyObject_GetAttr(value, PyTuple_GET_ITEM(step, 1));
        if (part == NULL) {
            done = -1;
            break;
        }
        done = put_field(&b, part, PyLong_AsLong(PyTuple_GET_ITEM(step, 0)));
        Py_DECREF(part);
    }
    if (!done) done = PUT(&b, "}");
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    return done == 1 ? PyObject_CallOneArg(given[1], value) : made;
}

PyDoc_STRVAR(content_bytes_doc, "content_bytes(tag, salt, body, shard, seq, epoch, stream, stream_seq, kind, version, at_us, arrived_at_us, "
                                "command_id, request_digest, actor) -> what the content digest covers");

static PyObject *by_reference(const char *name, PyObject *const *given, Py_ssize_t count) {
    PyObject *reference = PyImport_ImportModule("engine.layout.reference"), *made = NULL;
    PyObject *function = reference == NULL ? NULL : PyObject_GetAttrString(reference, name);
    if (function != NULL) made = PyObject_Vectorcall(function, given, (size_t)count, NULL);
    Py_XDECREF(function);
    Py_XDECREF(reference);
    return made;
}

static PyObject *content_bytes(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 15 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1]) || !PyBytes_Check(given[2]) || !PyUnicode_Check(given[6]) ||
        !PyUnicode_Check(given[8]) || !PyUnicode_Check(given[14])) {
        PyErr_SetString(PyExc_TypeError, "content_bytes() takes a tag, a salt, a body and the twelve columns of a header");
        return NULL;
    }
    PyObject *made = NULL;
    Buffer b;
    start(&b);
    int done = put(&b, PyBytes_AS_STRING(given[0]), PyBytes_GET_SIZE(given[0]));
    if (!done) done = put(&b, PyBytes_AS_STRING(given[1]), PyBytes_GET_SIZE(given[1]));
    Py_ssize_t length_at = b.size;
    if (!done) done = PUT(&b, "\0\0\0\0");
#define FIELD(key, write) \
    if (!done) done = PUT(&b, key); \
    if (!done) done = write;
    FIELD("{\"actor\":", put_text(&b, given[14]))
    FIELD(",\"arrived_at_us\":", put_plain(&b, given[11]))
    FIELD(",\"at_us\":", put_digits(&b, given[10]))
    FIELD(",\"command_id\":", put_hex(&b, given[12]))
    FIELD(",\"epoch\":", put_digits(&b, given[5]))
    FIELD(",\"request_digest\":", put_hex(&b, given[13]))
    FIELD(",\"seq\":", put_digits(&b, given[4]))
    FIELD(",\"shard\":", put_digits(&b, given[3]))
    FIELD(",\"stream\":", put_text(&b, given[6]))
    FIELD(",\"stream_seq\":", put_digits(&b, given[7]))
    FIELD(",\"type\":", put_text(&b, given[8]))
    FIELD(",\"version\":", put_digits(&b, given[9]))
#undef FIELD
    if (!done) done = PUT(&b, "}");
    if (!done) {
        big_endian(b.bytes + length_at, (uint64_t)(b.size - length_at - 4), 4);
        done = put(&b, PyBytes_AS_STRING(given[2]), PyBytes_GET_SIZE(given[2]));
    }
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    return done == 1 ? by_reference("content_bytes", given, count) : made;
}

static int put_number(Buffer *b, PyObject *value, int size) {
    long long number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (size == 2 && (number < -32768 || number > 32767)) {
        PyErr_SetString(PyExc_OverflowError, "not a smallint");
        return -1;
    }
    char *at = grow(b, 4 + size);
    if (at == NULL) return -1;
    big_endian(at, (uint64_t)size, 4);
    big_endian(at + 4, (uint64_t)number, size);
    return 0;
}

static int put_cell(Buffer *b, PyObject *value, Py_UCS4 kind) {
    const char *from;
    Py_ssize_t size;
    if (value == Py_None) return PUT(b, "\377\377\377\377");
    if (kind == 'h' || kind == 'q') return put_number(b, value, kind == 'h' ? 2 : 8);
    if (kind == 't') {
        from = PyUnicode_AsUTF8AndSize(value, &size);
        if (from == NULL) return -1;
    } else {
        char *bytes;
        if (PyBytes_AsStringAndSize(value, &bytes, &size)) return -1;
        from = bytes;
    }
    char *at = grow(b, 4 + size);
    if (at == NULL) return -1;
    big_endian(at, (uint64_t)size, 4);
    memcpy(at + 4, from, size);
    return 0;
}

PyDoc_STRVAR(copy_rows_doc, "copy_rows(rows, names, kinds) -> a whole binary COPY; kinds: h smallint, q bigint, t text, b bytea");

static PyObject *copy_rows(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 3 || !PyList_Check(given[0]) || !PyTuple_Check(given[1]) || !PyUnicode_Check(given[2]) ||
        PyUnicode_GET_LENGTH(given[2]) != PyTuple_GET_SIZE(given[1])) {
        PyErr_SetString(PyExc_TypeError, "copy_rows() takes a list, a tuple of names and a kind for each name");
        return NULL;
    }
    PyObject *names = given[1], *made = NULL;
    Py_ssize_t width = PyTuple_GET_SIZE(names);
    Buffer b;
    start(&b);
    int done = put(&b, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (Py_ssize_t row = 0; !done && row < PyList_GET_SIZE(given[0]); row++) {
        char *at = grow(&b, 2);
        if (at == NULL) {
            done = -1;
            break;
        }
        big_endian(at, (uint64_t)width, 2);
        for (Py_ssize_t i = 0; !done && i < width; i++) {
            PyObject *value = PyObject_GetAttr(PyList_GET_ITEM(given[0], row), PyTuple_GET_ITEM(names, i));
            done = value == NULL ? -1 : put_cell(&b, value, PyUnicode_READ_CHAR(given[2], i));
            Py_XDECREF(value);
        }
    }
    if (!done) done = PUT(&b, "\377\377");
    if (!done) made = PyBytes_FromStringAndSize(b.bytes, b.size);
    finish(&b);
    return made;
}

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

PyDoc_STRVAR(id_text_doc, "id_text(command_id) -> 16 bytes as a UUID");

static PyObject *id_text(PyObject *self, PyObject *id) {
    static const char digits[] = "0123456789abcdef";
    if (!PyBytes_Check(id) || PyBytes_GET_SIZE(id) != 16) {
        PyErr_SetString(PyExc_TypeError, "id_text() takes 16 bytes");
        return NULL;
    }
    PyObject *text = PyUnicode_New(36, 127);
    if (text == NULL) return NULL;
    const unsigned char *from = (const unsigned char *)PyBytes_AS_STRING(id);
    Py_UCS1 *at = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = (Py_UCS1)digits[from[i] >> 4];
        *at++ = (Py_UCS1)digits[from[i] & 15];
    }
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
    read = Py_BuildValue("(y#s#OOO)", id, (Py_ssize_t)16, lot, (Py_ssize_t)(lot_end - lot), amount, maximum, confirmed);
other:
    Py_XDECREF(amount);
    Py_XDECREF(maximum);
    if (read == NULL && !PyErr_Occurred()) Py_RETURN_NONE;
    return read;
}

static PyMethodDef methods[] = {
    {"flat_object", (PyCFunction)(void (*)(void))flat_object, METH_FASTCALL, flat_object_doc},
    {"content_bytes", (PyCFunction)(void (*)(void))content_bytes, METH_FASTCALL, content_bytes_doc},
    {"copy_rows", (PyCFunction)(void (*)(void))copy_rows, METH_FASTCALL, copy_rows_doc},
    {"read_bid", read_bid, METH_O, read_bid_doc},
    {"read_id", read_id, METH_O, read_id_doc},
    {"id_text", id_text, METH_O, id_text_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "compiled", "Bytes of the hot way, laid out in C; see reference.py.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_compiled(void) { return PyModuleDef_Init(&definition); }
