/* An LD_PRELOAD shim: while the file named by SLOW_DISK is there, every fdatasync waits 300 ms
   before it begins; while the one named by BROKEN_DISK is, neither does one succeed nor an fsync
   or syncfs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int is_there(const char *variable) {
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

static int sync_by(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (is_there("BROKEN_DISK")) {
        errno = EIO;
        return -1;
    }
    return real(descriptor);
}

int fdatasync(int descriptor) {
    if (is_there("SLOW_DISK"))
        usleep(300 * 1000);
    return sync_by("fdatasync", descriptor);
}

int fsync(int descriptor) { return sync_by("fsync", descriptor); }

int syncfs(int descriptor) { return sync_by("syncfs", descriptor); }
