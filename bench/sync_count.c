/* Counts how often a process asks for its writes to reach the disk.
 *
 *   gcc -shared -fPIC -O2 -o sync_count.so sync_count.c -ldl
 *   LD_PRELOAD=./sync_count.so SYNC_COUNT_FILE=counts program ...
 *
 * At exit one line, `fsync=<n> fdatasync=<m>`, is appended to SYNC_COUNT_FILE by every process
 * that inherits the two variables; a shell or a wrapper adds a line of zeros, so add the lines up.
 * Failed calls count too. sync_file_range is not counted: it promises no durability. A process
 * that is killed, calls _exit, or is statically linked writes no line; a child that forks without
 * exec says its parent's counts again. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_ulong fsyncs, fdatasyncs;

static int forward(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (real == NULL) abort(); /* Better no program than one whose syncs are dropped. */
    return real(fd);
}

int fsync(int fd) {
    atomic_fetch_add(&fsyncs, 1);
    return forward("fsync", fd);
}

int fdatasync(int fd) {
    atomic_fetch_add(&fdatasyncs, 1);
    return forward("fdatasync", fd);
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("SYNC_COUNT_FILE");
    char line[64];
    if (path == NULL) return;
    int length = snprintf(line, sizeof line, "fsync=%lu fdatasync=%lu\n",
                          atomic_load(&fsyncs), atomic_load(&fdatasyncs));
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || write(file, line, (size_t)length) != length) perror(path);
    if (file >= 0) close(file);
}
