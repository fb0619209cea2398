/* Bytes laid side by side: a buffer that begins on the stack, and how each kind of value is written into it. Of compiled.c alone. */
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

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

/* End with what was laid out as bytes; NULL if it was not `done`. */
static PyObject *taken(Buffer *b, int done) {
    PyObject *made = done ? NULL : PyBytes_FromStringAndSize(b->bytes, b->size);
    finish(b);
    return made;
}

/* Make room for `more` bytes; NULL with MemoryError set. */
static char *widen(Buffer *b, Py_ssize_t more) {
    Py_ssize_t room = 2 * (b->size + more);
    char *bytes = b->bytes == b->first ? PyMem_Malloc(room) : PyMem_Realloc(b->bytes, room);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    if (b->bytes == b->first) memcpy(bytes, b->first, b->size);
    b->bytes = bytes;
    b->room = room;
    return bytes;
}

/* Return where `more` bytes may be written, NULL with MemoryError set. */
static inline char *grow(Buffer *b, Py_ssize_t more) {
    if (b->size + more > b->room && widen(b, more) == NULL) return NULL;
    char *at = b->bytes + b->size;
    b->size += more;
    return at;
}

static inline int put(Buffer *b, const void *bytes, Py_ssize_t size) {
    char *at = grow(b, size);
    if (at == NULL) return -1;
    memcpy(at, bytes, size);
    return 0;
}

#define PUT(b, text) put(b, text, sizeof(text) - 1)

/* Where a class keeps an attribute: its offset in the object, or 0 if only Python knows. */
static Py_ssize_t slot_of(PyTypeObject *type, PyObject *name) {
    PyObject *found = _PyType_Lookup(type, name);
    if (found == NULL || Py_TYPE(found) != &PyMemberDescr_Type) return 0;
    const PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
    return member->type == T_OBJECT_EX ? member->offset : 0;
}

/* An attribute, a new reference. */
static PyObject *attribute(PyObject *object, Py_ssize_t slot, PyObject *name) {
    PyObject *value = slot ? *(PyObject **)((char *)object + slot) : NULL;
    return value != NULL ? Py_NewRef(value) : PyObject_GetAttr(object, name);
}

/* Where a class keeps several attributes, looked up once for each class. Of one place in the program, which sees nearly always one class. */
typedef struct {
    PyTypeObject *type; /* kept alive */
    Py_ssize_t slots[20];
} Places;

static const Py_ssize_t *places_of(Places *known, PyObject *object, PyObject *const *names, Py_ssize_t count) {
    if (known->type != Py_TYPE(object)) {
        Py_XSETREF(known->type, (PyTypeObject *)Py_NewRef(Py_TYPE(object)));
        for (Py_ssize_t i = 0; i < count; i++) known->slots[i] = slot_of(known->type, names[i]);
    }
    return known->slots;
}

/* Make the names of attributes once; -1 with an exception set. */
static int intern_all(PyObject **names, const char *const *texts, int count) {
    for (int i = 0; i < count; i++)
        if (names[i] == NULL && (names[i] = PyUnicode_InternFromString(texts[i])) == NULL) return -1;
    return 0;
}

static void big_endian(char *at, uint64_t value, int size) {
    for (int i = size - 1; i >= 0; i--, value >>= 8) at[i] = (char)(value & 255);
}

/* The results of what follows: 0 done, -1 an exception is set, 1 left to the reference. */

/* All pairs of decimal digits, and of hexadecimal ones: two are written at once. */
#define PAIRS_OF_TEN(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"
#define PAIRS_OF_SIXTEEN(d) PAIRS_OF_TEN(d) d "a" d "b" d "c" d "d" d "e" d "f"
static const char decimal[] = PAIRS_OF_TEN("0") PAIRS_OF_TEN("1") PAIRS_OF_TEN("2") PAIRS_OF_TEN("3") PAIRS_OF_TEN("4")
    PAIRS_OF_TEN("5") PAIRS_OF_TEN("6") PAIRS_OF_TEN("7") PAIRS_OF_TEN("8") PAIRS_OF_TEN("9");
static const char hexadecimal[] = PAIRS_OF_SIXTEEN("0") PAIRS_OF_SIXTEEN("1") PAIRS_OF_SIXTEEN("2") PAIRS_OF_SIXTEEN("3")
    PAIRS_OF_SIXTEEN("4") PAIRS_OF_SIXTEEN("5") PAIRS_OF_SIXTEEN("6") PAIRS_OF_SIXTEEN("7") PAIRS_OF_SIXTEEN("8")
    PAIRS_OF_SIXTEEN("9") PAIRS_OF_SIXTEEN("a") PAIRS_OF_SIXTEEN("b") PAIRS_OF_SIXTEEN("c") PAIRS_OF_SIXTEEN("d")
    PAIRS_OF_SIXTEEN("e") PAIRS_OF_SIXTEEN("f");

static int put_digits(Buffer *b, PyObject *number) {
    char digits[24], *at = digits + sizeof digits;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow) return 1;
    if (value == -1 && PyErr_Occurred()) return -1;
    unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
    for (; rest > 9; rest /= 100) memcpy(at -= 2, decimal + 2 * (rest % 100), 2);
    if (rest || at == digits + sizeof digits) *--at = (char)('0' + rest);
    if (value < 0) *--at = '-';
    return put(b, at, digits + sizeof digits - at);
}

/* A string in quotes, if it is ASCII without anything to escape. */
static int put_text(Buffer *b, PyObject *text) {
    if (!PyUnicode_IS_ASCII(text)) return 1;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    const unsigned char *from = (const unsigned char *)PyUnicode_1BYTE_DATA(text);
    int strange = 0;
    for (Py_ssize_t i = 0; i < size; i++) strange |= (from[i] < 32) | (from[i] == '"') | (from[i] == '\\');
    if (strange) return 1;
    char *at = grow(b, size + 2);
    if (at == NULL) return -1;
    *at = '"';
    memcpy(at + 1, from, size);
    at[size + 1] = '"';
    return 0;
}

static int put_hex(Buffer *b, PyObject *bytes) {
    if (bytes == Py_None) return PUT(b, "null");
    if (!PyBytes_Check(bytes)) return 1;
    Py_ssize_t size = PyBytes_GET_SIZE(bytes);
    const unsigned char *from = (const unsigned char *)PyBytes_AS_STRING(bytes);
    char *at = grow(b, 2 * size + 2);
    if (at == NULL) return -1;
    *at++ = '"';
    for (Py_ssize_t i = 0; i < size; i++, at += 2) memcpy(at, hexadecimal + 2 * from[i], 2);
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

/* Have the reference do what has no simple layout. */
static PyObject *by_reference(const char *name, PyObject *const *given, Py_ssize_t count) {
    PyObject *reference = PyImport_ImportModule("engine.layout.reference"), *made = NULL;
    PyObject *function = reference == NULL ? NULL : PyObject_GetAttrString(reference, name);
    if (function != NULL) made = PyObject_Vectorcall(function, given, (size_t)count, NULL);
    Py_XDECREF(function);
    Py_XDECREF(reference);
    return made;
}

/* Borrow attributes from an object that keeps each in a slot of its own; 1 if it does not. */
static int borrow(Places *known, PyObject *object, PyObject *const *names, PyObject **values, int count) {
    const Py_ssize_t *slots = places_of(known, object, names, count);
    for (int i = 0; i < count; i++)
        if (!slots[i] || (values[i] = *(PyObject **)((char *)object + slots[i])) == NULL) return 1;
    return 0;
}
