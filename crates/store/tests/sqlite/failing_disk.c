/* A disk that fails: loaded before the C library, it makes the n-th change of a database file fail.
 *
 *   cc -shared -fPIC -O2 -o failing_disk.so failing_disk.c -ldl
 *   LD_PRELOAD=./failing_disk.so DISK_FAILS_AT=17 DISK_FAILS_WITH=5 program ...
 *
 * A change is a pwrite, ftruncate, fsync or fdatasync of an open file whose name holds ".db" (so its log
 * and its index too). DISK_FAILS_WITH is the errno; DISK_FAILS_ON_AND_ON=1 makes every later change fail as
 * well; DISK_FAILS_HALF=1 lets a failing pwrite store the first half of its bytes before. At exit the number
 * of changes is written to the file DISK_COUNT names, if it is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long changes;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

static long number(const char *name) {
    const char *text = getenv(name);
    return text == NULL ? 0 : atol(text);
}

static int is_database(int fd) {
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, ".db") != NULL;
}

static int fails(int fd) {
    if (!is_database(fd)) return 0;
    long at = number("DISK_FAILS_AT"), now = atomic_fetch_add(&changes, 1) + 1;
    return at > 0 && (now == at || (now > at && number("DISK_FAILS_ON_AND_ON")));
}

static ssize_t fail(void) {
    errno = (int)number("DISK_FAILS_WITH");
    return -1;
}

typedef ssize_t (*write_at)(int, const void *, size_t, off_t);

static ssize_t change(const char *name, int fd, const void *bytes, size_t count, off_t offset) {
    write_at forward = (write_at)real(name);
    if (!fails(fd)) return forward(fd, bytes, count, offset);
    if (number("DISK_FAILS_HALF")) forward(fd, bytes, count / 2, offset);
    return fail();
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    return change("pwrite", fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) {
    return change("pwrite64", fd, bytes, count, offset);
}

int ftruncate(int fd, off_t length) {
    return fails(fd) ? (int)fail() : ((int (*)(int, off_t))real("ftruncate"))(fd, length);
}

int ftruncate64(int fd, off_t length) {
    return fails(fd) ? (int)fail() : ((int (*)(int, off_t))real("ftruncate64"))(fd, length);
}

int fsync(int fd) { return fails(fd) ? (int)fail() : ((int (*)(int))real("fsync"))(fd); }

int fdatasync(int fd) { return fails(fd) ? (int)fail() : ((int (*)(int))real("fdatasync"))(fd); }

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("DISK_COUNT");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file == NULL) return;
    fprintf(file, "%ld\n", atomic_load(&changes));
    fclose(file);
}
