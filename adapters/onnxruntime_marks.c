/*
 * adapters/onnxruntime_marks.c - see onnxruntime_marks.h. The runtime's table of functions is
 * const and its own, so marks need a copy of it: one, of the first runtime of the process. Owns
 * the names of sessions, under a lock.
 */
#include "onnxruntime_marks.h"

#include <weir/trace.h>

#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const OrtApi *original; /* set once, under the lock, before the copy is given out */
static OrtApi copy;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* -- names of sessions --------------------------------------------------------------------- */

struct named {
    struct named *next; /* latest first */
    const OrtSession *session;
    char name[];
};

static struct named *all;

const char *weir__ort_model_name(const ORTCHAR_T *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path && *path ? path : "model in memory";
}

/* Without memory the session has no name. */
void weir__ort_session_name(const OrtSession *session, const char *name)
{
    size_t length = strlen(name) + 1;
    struct named *made = malloc(sizeof *made + length);
    if (!made)
        return;
    made->session = session;
    memcpy(made->name, name, length);
    pthread_mutex_lock(&lock);
    made->next = all;
    all = made;
    pthread_mutex_unlock(&lock);
}

static void session_forget(const OrtSession *session)
{
    pthread_mutex_lock(&lock);
    struct named **at = &all;
    while (*at && (*at)->session != session)
        at = &(*at)->next;
    struct named *found = *at;
    if (found)
        *at = found->next;
    pthread_mutex_unlock(&lock);
    free(found);
}

/* Good while the session lives. */
static const char *session_name(const OrtSession *session)
{
    pthread_mutex_lock(&lock);
    const struct named *at = all;
    while (at && at->session != session)
        at = at->next;
    pthread_mutex_unlock(&lock);
    return at ? at->name : "session";
}

/* -- the functions that mark ----------------------------------------------------------------- */

static OrtStatus *session_made(OrtStatus *status, OrtSession *const *session, const char *name)
{
    if (!status && session && *session)
        weir__ort_session_name(*session, name);
    return status;
}

static OrtStatus *ORT_API_CALL create(const OrtEnv *env, const ORTCHAR_T *path,
                                      const OrtSessionOptions *options,
                                      OrtSession **session) NO_EXCEPTION
{
    const char *name = weir__ort_model_name(path);
    WEIR_MARK_SCOPE(WEIR_MARK_MODEL, name);
    return session_made(original->CreateSession(env, path, options, session), session, name);
}

static OrtStatus *ORT_API_CALL create_from_array(const OrtEnv *env, const void *model, size_t size,
                                                 const OrtSessionOptions *options,
                                                 OrtSession **session) NO_EXCEPTION
{
    const char *name = weir__ort_model_name(NULL);
    WEIR_MARK_SCOPE(WEIR_MARK_MODEL, name);
    return session_made(original->CreateSessionFromArray(env, model, size, options, session),
                        session, name);
}

static void ORT_API_CALL release(OrtSession *session) NO_EXCEPTION
{
    if (session)
        session_forget(session);
    original->ReleaseSession(session);
}

static OrtStatus *ORT_API_CALL run(OrtSession *session, const OrtRunOptions *options,
                                   const char *const *input_names, const OrtValue *const *inputs,
                                   size_t ninputs, const char *const *output_names, size_t noutputs,
                                   OrtValue **outputs) NO_EXCEPTION
{
    WEIR_MARK_SCOPE(WEIR_MARK_RUN, session_name(session));
    return original->Run(session, options, input_names, inputs, ninputs, output_names, noutputs,
                         outputs);
}

static OrtStatus *ORT_API_CALL run_bound(OrtSession *session, const OrtRunOptions *options,
                                         const OrtIoBinding *binding) NO_EXCEPTION
{
    WEIR_MARK_SCOPE(WEIR_MARK_RUN, session_name(session));
    return original->RunWithBinding(session, options, binding);
}

/* -- the copy ---------------------------------------------------------------------------------- */

struct readable {
    uintptr_t from, end;
};

static int segment_find(struct dl_phdr_info *info, size_t size, void *user)
{
    struct readable *r = user;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = start + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && r->from >= start && r->from < end)
            return r->end = end, 1;
    }
    return 0;
}

/* The runtime's table ends earlier where it is older than the header; what lies behind it there
 * belongs to no version that anybody asks for. */
static size_t table_length(const OrtApi *api)
{
    struct readable r = {.from = (uintptr_t)api};
    return dl_iterate_phdr(segment_find, &r) && r.end - r.from < sizeof copy ? r.end - r.from
                                                                             : sizeof copy;
}

static void copy_make(const OrtApi *api)
{
    memcpy(&copy, api, table_length(api));
    copy.CreateSession = create;
    copy.CreateSessionFromArray = create_from_array;
    copy.ReleaseSession = release;
    copy.Run = run;
    copy.RunWithBinding = run_bound;
    original = api;
}

const OrtApi *weir__ort_marked(const OrtApi *api)
{
    pthread_mutex_lock(&lock);
    if (!original)
        copy_make(api);
    const OrtApi *marked = original == api ? &copy : api;
    pthread_mutex_unlock(&lock);
    return marked;
}

const OrtApi *weir__ort_unmarked(const OrtApi *api)
{
    return api == &copy ? original : api;
}
