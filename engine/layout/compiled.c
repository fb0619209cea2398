/* The functions of reference.py in C, byte for byte (tests/engine/test_layout.py holds both together). No I/O, no cryptography of
 * its own: only bytes laid out in place, where Python would make an object for every part. What has no simple layout (text that
 * needs escapes, an integer beyond 64 bits) is left to the reference: these functions then call it.
 */
#include "flat.h"
#include "frames.h"
#include "rows.h"
#include "sealing.h"

static PyMethodDef methods[] = {
    {"accepted_frame", (PyCFunction)(void (*)(void))accepted_frame, METH_FASTCALL, accepted_frame_doc},
    {"flat_object", (PyCFunction)(void (*)(void))flat_object, METH_FASTCALL, flat_object_doc},
    {"content_bytes", (PyCFunction)(void (*)(void))content_bytes, METH_FASTCALL, content_bytes_doc},
    {"seal_event", (PyCFunction)(void (*)(void))seal_event, METH_FASTCALL, seal_event_doc},
    {"seal", (PyCFunction)(void (*)(void))seal, METH_FASTCALL, seal_doc},
    {"flat_digest", (PyCFunction)(void (*)(void))flat_digest, METH_FASTCALL, flat_digest_doc},
    {"sha256_of", (PyCFunction)(void (*)(void))sha256_of, METH_FASTCALL, sha256_of_doc},
    {"secrets", (PyCFunction)(void (*)(void))secrets, METH_FASTCALL, secrets_doc},
    {"copy_hidden_rows", (PyCFunction)(void (*)(void))copy_hidden_rows, METH_FASTCALL, copy_hidden_rows_doc},
    {"copy_rows", (PyCFunction)(void (*)(void))copy_rows, METH_FASTCALL, copy_rows_doc},
    {"read_bid", read_bid, METH_O, read_bid_doc},
    {"read_id", read_id, METH_O, read_id_doc},
    {"id_text", id_text, METH_O, id_text_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)find_sha256}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "compiled", "Bytes of the hot way, laid out in C; see reference.py.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_compiled(void) { return PyModuleDef_Init(&definition); }
