/* Structs whose fields are flat, as canonical objects. Of compiled.c alone. */
#pragma once
#include "buffer.h"

/* A plan as it is followed: what `reference.Plan` says of each field, and where the class keeps it. */
typedef struct {
    PyObject *plan; /* kept alive, and with it all names and keys */
    PyTypeObject *type;
    struct {
        PyObject *name;
        const char *key;
        Py_ssize_t key_size, slot;
        long kind;
    } field[20];
} Flat;

static const Flat *flat_of(PyObject *plan, PyTypeObject *type) {
    static Flat known[16];
    Flat *flat = &known[((uintptr_t)plan / 64) % 16];
    if (flat->plan == plan && flat->type == type) return flat;
    if (!PyTuple_Check(plan) || PyTuple_GET_SIZE(plan) > 20) {
        PyErr_SetString(PyExc_TypeError, "a plan is a tuple of at most twenty fields");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(plan); i++) {
        PyObject *step = PyTuple_GET_ITEM(plan, i), *key = PyTuple_GET_ITEM(step, 2);
        flat->field[i].kind = PyLong_AsLong(PyTuple_GET_ITEM(step, 0));
        flat->field[i].name = PyTuple_GET_ITEM(step, 1);
        flat->field[i].slot = slot_of(type, flat->field[i].name);
        flat->field[i].key = PyBytes_AS_STRING(key);
        flat->field[i].key_size = PyBytes_GET_SIZE(key);
    }
    Py_XSETREF(flat->plan, Py_NewRef(plan));
    Py_XSETREF(flat->type, (PyTypeObject *)Py_NewRef(type));
    return flat;
}

static int put_flat(Buffer *b, PyObject *plan, PyObject *value) {
    const Flat *flat = flat_of(plan, Py_TYPE(value));
    int done = flat == NULL ? -1 : PUT(b, "{");
    for (Py_ssize_t i = 0; !done && i < PyTuple_GET_SIZE(plan); i++) {
        PyObject *part = attribute(value, flat->field[i].slot, flat->field[i].name);
        if (part == NULL) return -1;
        if (i) done = PUT(b, ",");
        if (!done) done = put(b, flat->field[i].key, flat->field[i].key_size);
        if (!done) done = put_field(b, part, flat->field[i].kind);
        Py_DECREF(part);
    }
    return done ? done : PUT(b, "}");
}

PyDoc_STRVAR(flat_object_doc, "flat_object(plan, otherwise, value) -> canonical bytes; plan: (kind, attribute, b'\"key\":') in order of keys");

static PyObject *flat_object(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "flat_object(plan, otherwise, value)");
        return NULL;
    }
    PyObject *made = NULL;
    Buffer b;
    start(&b);
    int done = put_flat(&b, given[0], given[2]);
    made = taken(&b, done);
    return done == 1 ? PyObject_CallOneArg(given[1], given[2]) : made;
}
