// A graphics card that is none: CUDA's driver and run-time compiler, answered by the processor.
//
// So the kernels that CUDA cards run are run by tests where there is no card, as they are generated: the source is compiled
// as C++ (`include/` has what it expects of CUDA), and a kernel's units run one after the other, each until it waits for others.
// It says nothing about speed. Memory holds no numbers until something is written to it.
//
// One library under both names: `scripts/emulated-card.sh` builds it. `CUDA_PATH` is the folder of this file,
// `EMULATED_CARD_KERNELS` one for compiled kernels.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "include/cuda_runtime.h"
#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

namespace {

using Result = int;
constexpr Result DONE_WELL = 0, OUT_OF_MEMORY = 2, NOT_COMPILED = 6, NO_SUCH_IMAGE = 200;

std::string folder(const char *variable) {
    const char *path = getenv(variable);
    if (!path) {
        fprintf(stderr, "emulated card: %s is not set\n", variable);
        abort();
    }
    return path;
}

// Units of a workgroup ----------------------------------------------------------------------------------------------------

constexpr unsigned PLANE = 32;
constexpr size_t STACK = 256 << 10;

enum class State { Ready, WaitsForBlock, Multiplies, Done };

// A unit that can be left in the middle, and what it brings to its plane's product.
struct Fiber {
    void *stack_pointer;
    char *stack;
    State state;
    unsigned a[4], b[2];
    float c[4], d[4];
};

Unit now;
std::vector<Fiber> fibers;
Fiber *running;
void *scheduler;
void (*kernel)(void **);
void **arguments;

} // namespace

// Goes on where `to` was left, having kept where this is left in `from`: the registers that a function must not change.
extern "C" void leave_for(void **from, void *to);
asm(R"(
.globl leave_for
leave_for:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

namespace {

void leave(State state) {
    running->state = state;
    leave_for(&running->stack_pointer, scheduler);
}

void run_kernel() {
    kernel(arguments);
    leave(State::Done);
    abort();
}

void wait_for_block() { leave(State::WaitsForBlock); }

void multiply(const unsigned *a, const unsigned *b, const float *c, float *d) {
    Fiber *own = running;
    memcpy(own->a, a, sizeof own->a);
    memcpy(own->b, b, sizeof own->b);
    memcpy(own->c, c, sizeof own->c);
    leave(State::Multiplies);
    memcpy(d, own->d, sizeof own->d);
}

// A plane's product, as PTX lays it out over units (mma.m16n8k8, .tf32).
void multiply_plane(Fiber *units) {
    float a[16][8], b[8][8];
    for (unsigned u = 0; u < PLANE; u++) {
        unsigned line = u / 4, place = u % 4;
        a[line][place] = leading_bits(units[u].a[0]);
        a[line + 8][place] = leading_bits(units[u].a[1]);
        a[line][place + 4] = leading_bits(units[u].a[2]);
        a[line + 8][place + 4] = leading_bits(units[u].a[3]);
        b[place][line] = leading_bits(units[u].b[0]);
        b[place + 4][line] = leading_bits(units[u].b[1]);
    }
    for (unsigned u = 0; u < PLANE; u++)
        for (unsigned i = 0; i < 4; i++) {
            unsigned row = u / 4 + i / 2 * 8, column = u % 4 * 2 + i % 2;
            double sum = units[u].c[i];
            for (unsigned k = 0; k < 8; k++) sum += double(a[row][k]) * b[k][column];
            units[u].d[i] = float(sum);
        }
}

uint3 place_in_block(unsigned number) {
    auto [width, height, depth] = now.block_size;
    return {number % width, number / width % height, number / width / height};
}

// Runs the units of a plane until each waits for the workgroup or is done.
void run_plane(unsigned first, unsigned end) {
    for (;;) {
        unsigned multiplying = 0;
        for (unsigned number = first; number < end; number++) {
            Fiber &unit = fibers[number];
            if (unit.state == State::Ready) {
                running = &unit;
                now.thread = place_in_block(number);
                leave_for(&scheduler, unit.stack_pointer);
            }
            multiplying += unit.state == State::Multiplies;
        }
        if (multiplying == 0) return;
        if (multiplying != PLANE) {
            fprintf(stderr, "emulated card: %u units of a plane multiply without the others\n", multiplying);
            abort();
        }
        multiply_plane(&fibers[first]);
        for (unsigned number = first; number < end; number++) fibers[number].state = State::Ready;
    }
}

void run_block(unsigned units) {
    while (fibers.size() < units) {
        void *stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        fibers.push_back({nullptr, static_cast<char *>(stack), State::Done, {}, {}, {}, {}});
    }
    for (unsigned number = 0; number < units; number++) {
        // What `leave_for` expects to find: six registers, where to go on, and an address to return to from there.
        auto *top = reinterpret_cast<uint64_t *>(fibers[number].stack + STACK);
        *--top = 0;
        *--top = reinterpret_cast<uint64_t>(run_kernel);
        for (int i = 0; i < 6; i++) *--top = 0;
        fibers[number].stack_pointer = top;
        fibers[number].state = State::Ready;
    }
    for (unsigned done = 0; done < units;) {
        done = 0;
        for (unsigned first = 0; first < units; first += PLANE) run_plane(first, std::min(first + PLANE, units));
        for (unsigned number = 0; number < units; number++) {
            State &state = fibers[number].state;
            done += state == State::Done;
            if (state == State::WaitsForBlock) state = State::Ready;
        }
    }
}

// Kernels -----------------------------------------------------------------------------------------------------------------

struct Program {
    std::string source, library, log;
};

struct Module {
    void (*kernel)(void **);
    unsigned char *shared_memory;
    // Its units wait for each other.
    bool waits;
};

void remove_all(std::string &text, const std::string &begin, const std::string &end, const std::string &instead) {
    for (size_t at; (at = text.find(begin)) != std::string::npos;) {
        size_t stop = text.find(end, at) + end.size();
        text.replace(at, stop - at, instead);
    }
}

// A kernel's source as C++ of the processor, with an entry that takes arguments as a launch gives them.
std::string for_the_processor(std::string source) {
    bool waits = source.find("__syncthreads") != std::string::npos || source.find("__mma") != std::string::npos;
    remove_all(source, "inline __device__ void\n__mma", "\n    }", "");
    remove_all(source, "extern __shared__", ";", "uint8 *dynamic_shared_mem = shared_memory_of_block;");
    size_t begin = source.find("extern \"C\" __global__");
    size_t end = source.find(" (", begin);
    size_t name_begin = source.rfind(')', end) + 1;
    std::string name = source.substr(name_begin, end - name_begin);
    // No name of a kernel may stand for one of the C library.
    source.replace(begin, strlen("extern \"C\""), "static");
    return "#include \"cuda_runtime.h\"\n" + source +
           "\nalignas(128) static unsigned char memory[1 << 18];\n"
           "extern \"C\" {\n"
           "Unit *unit;\n"
           "unsigned char *shared_memory_of_block = memory;\n"
           "bool waits = " + (waits ? "true" : "false") + ";\n"
           "void run(void **arguments) { call(&" + name + ", arguments); }\n"
           "}\n";
}

void write_file(const std::string &path, const std::string &text) {
    FILE *file = fopen(path.c_str(), "w");
    if (!file || fwrite(text.data(), 1, text.size(), file) != text.size() || fclose(file)) {
        fprintf(stderr, "emulated card: cannot write %s\n", path.c_str());
        abort();
    }
}

Result take_memory(void **place, size_t bytes) {
    if (posix_memalign(place, 512, bytes ? bytes : 1)) return OUT_OF_MEMORY;
    memset(*place, 0xff, bytes);
    return DONE_WELL;
}

} // namespace

extern "C" {

// The run-time compiler ---------------------------------------------------------------------------------------------------

Result nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return DONE_WELL;
}
Result nvrtcCreateProgram(void **program, const char *source, const char *, int, const char *const *, const char *const *) {
    *program = new Program{for_the_processor(source), {}, {}};
    return DONE_WELL;
}
Result nvrtcCompileProgram(void *handle, int, const char *const *) {
    auto *program = static_cast<Program *>(handle);
    size_t digest = std::hash<std::string>()(program->source);
    std::string base = folder("EMULATED_CARD_KERNELS") + "/" + std::to_string(digest);
    program->library = base + ".so";
    if (access(program->library.c_str(), R_OK) == 0) return DONE_WELL;
    std::string own = base + "." + std::to_string(getpid());
    write_file(own + ".cpp", program->source);
    // Without the driver's own folder, in which the compiler would look for its libraries.
    std::string command = "LD_LIBRARY_PATH= g++ -w -std=c++17 -O1 -march=native -fno-strict-aliasing -ffp-contract=off -shared"
                          " -fPIC -Wl,-Bsymbolic -I'" + folder("CUDA_PATH") + "/include' -o '" + own + ".so' '" + own + ".cpp'";
    if (system(command.c_str()) != 0) {
        program->log = "the processor's compiler refused " + own + ".cpp";
        return NOT_COMPILED;
    }
    rename((own + ".so").c_str(), program->library.c_str());
    unlink((own + ".cpp").c_str());
    return DONE_WELL;
}
// What stands for a compiled kernel is the path of its library.
Result nvrtcGetPTXSize(void *program, size_t *size) {
    *size = static_cast<Program *>(program)->library.size() + 1;
    return DONE_WELL;
}
Result nvrtcGetPTX(void *program, char *ptx) {
    strcpy(ptx, static_cast<Program *>(program)->library.c_str());
    return DONE_WELL;
}
Result nvrtcGetProgramLogSize(void *program, size_t *size) {
    *size = static_cast<Program *>(program)->log.size() + 1;
    return DONE_WELL;
}
Result nvrtcGetProgramLog(void *program, char *log) {
    strcpy(log, static_cast<Program *>(program)->log.c_str());
    return DONE_WELL;
}
Result nvrtcDestroyProgram(void **program) {
    delete static_cast<Program *>(*program);
    return DONE_WELL;
}
const char *nvrtcGetErrorString(Result) { return "emulated card"; }

// Kernels and their launches ----------------------------------------------------------------------------------------------

Result cuModuleLoadData(void **module, const void *image) {
    void *library = dlopen(static_cast<const char *>(image), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "emulated card: %s\n", dlerror());
        return NO_SUCH_IMAGE;
    }
    *static_cast<Unit **>(dlsym(library, "unit")) = &now;
    *module = new Module{
        reinterpret_cast<void (*)(void **)>(dlsym(library, "run")),
        *static_cast<unsigned char **>(dlsym(library, "shared_memory_of_block")),
        *static_cast<bool *>(dlsym(library, "waits")),
    };
    return DONE_WELL;
}
Result cuModuleUnload(void *) { return DONE_WELL; }
Result cuModuleGetFunction(void **function, void *module, const char *) {
    *function = module;
    return DONE_WELL;
}
Result cuFuncSetAttribute(void *, int, int) { return DONE_WELL; }
Result cuLaunchKernel(void *function, unsigned cubes_x, unsigned cubes_y, unsigned cubes_z, unsigned units_x, unsigned units_y,
                      unsigned units_z, unsigned shared_bytes, void *, void **of_launch, void **) {
    static std::mutex one_at_a_time;
    std::lock_guard<std::mutex> guard(one_at_a_time);
    auto *module = static_cast<Module *>(function);
    kernel = module->kernel;
    arguments = of_launch;
    now.block_size = {units_x, units_y, units_z};
    now.grid_size = {cubes_x, cubes_y, cubes_z};
    now.wait_for_block = wait_for_block;
    now.multiply = multiply;
    unsigned units = units_x * units_y * units_z;
    for (unsigned z = 0; z < cubes_z; z++)
        for (unsigned y = 0; y < cubes_y; y++)
            for (unsigned x = 0; x < cubes_x; x++) {
                now.block = {x, y, z};
                if (module->waits) {
                    memset(module->shared_memory, 0xff, shared_bytes);
                    run_block(units);
                } else {
                    for (unsigned number = 0; number < units; number++) {
                        now.thread = place_in_block(number);
                        kernel(arguments);
                    }
                }
            }
    return DONE_WELL;
}

// Memory ------------------------------------------------------------------------------------------------------------------

Result cuMemAllocAsync(void **place, size_t bytes, void *) { return take_memory(place, bytes); }
Result cuMemAlloc_v2(void **place, size_t bytes) { return take_memory(place, bytes); }
Result cuMemAllocHost_v2(void **place, size_t bytes) { return take_memory(place, bytes); }
Result cuMemFree_v2(void *place) {
    free(place);
    return DONE_WELL;
}
Result cuMemFreeAsync(void *place, void *) { return cuMemFree_v2(place); }
Result cuMemFreeHost(void *place) { return cuMemFree_v2(place); }
Result cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t bytes, void *) {
    memcpy(to, from, bytes);
    return DONE_WELL;
}
Result cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t bytes, void *) {
    memcpy(to, from, bytes);
    return DONE_WELL;
}
// CUDA_MEMCPY2D
struct Copy {
    size_t from_x, from_y;
    int from_kind;
    const char *from_host, *from_device, *from_array;
    size_t from_pitch, to_x, to_y;
    int to_kind;
    char *to_host, *to_device, *to_array;
    size_t to_pitch, width, height;
};
Result cuMemcpy2DAsync_v2(const Copy *copy, void *) {
    constexpr int HOST = 1;
    const char *from = copy->from_kind == HOST ? copy->from_host : copy->from_device;
    char *to = copy->to_kind == HOST ? copy->to_host : copy->to_device;
    for (size_t row = 0; row < copy->height; row++)
        memcpy(to + (copy->to_y + row) * copy->to_pitch + copy->to_x,
               from + (copy->from_y + row) * copy->from_pitch + copy->from_x, copy->width);
    return DONE_WELL;
}

// The card ----------------------------------------------------------------------------------------------------------------

Result cuDeviceGetAttribute(int *value, int attribute, int) {
    // By the numbers of CUdevice_attribute. Those of a card of compute capability 9.0, with few multiprocessors.
    switch (attribute) {
    case 1: case 2: case 3: *value = 1024; break; // units of a workgroup, and along its first axes
    case 4: *value = 64; break;
    case 5: *value = 2147483647; break; // workgroups along each axis
    case 6: case 7: *value = 65535; break;
    case 8: *value = 48 << 10; break; // shared memory
    case 10: *value = PLANE; break;
    case 14: *value = 512; break; // alignment
    case 16: *value = 4; break; // multiprocessors
    case 75: *value = 9; break; // compute capability
    case 76: *value = 0; break;
    case 97: *value = 227 << 10; break; // shared memory, on demand
    default: *value = 1;
    }
    return DONE_WELL;
}
Result cuDeviceTotalMem_v2(size_t *bytes, int) {
    *bytes = size_t(8) << 30;
    return DONE_WELL;
}
Result cuDeviceGetName(char *name, int length, int) {
    snprintf(name, length, "Emulated card");
    return DONE_WELL;
}
Result cuDriverGetVersion(int *version) {
    *version = 13000;
    return DONE_WELL;
}
Result cuDeviceGetCount(int *count) {
    *count = 1;
    return DONE_WELL;
}
Result cuDeviceGet(int *device, int) {
    *device = 0;
    return DONE_WELL;
}
Result cuInit(unsigned) { return DONE_WELL; }

// Contexts, streams and events: all work is done when a call returns. What stands for them is any address but none.
static Result hand_out(void **handle) {
    static int one;
    *handle = &one;
    return DONE_WELL;
}
Result cuDevicePrimaryCtxRetain(void **context, int) { return hand_out(context); }
Result cuDevicePrimaryCtxRelease_v2(int) { return DONE_WELL; }
Result cuCtxSetCurrent(void *) { return DONE_WELL; }
Result cuCtxGetCurrent(void **context) { return hand_out(context); }
Result cuCtxSynchronize() { return DONE_WELL; }
Result cuStreamCreate(void **stream, unsigned) { return hand_out(stream); }
Result cuStreamSynchronize(void *) { return DONE_WELL; }
Result cuStreamWaitEvent(void *, void *, unsigned) { return DONE_WELL; }
Result cuStreamDestroy_v2(void *) { return DONE_WELL; }
Result cuEventCreate(void **event, unsigned) { return hand_out(event); }
Result cuEventRecord(void *, void *) { return DONE_WELL; }
Result cuEventSynchronize(void *) { return DONE_WELL; }
Result cuEventDestroy_v2(void *) { return DONE_WELL; }
Result cuGetErrorName(Result, const char **text) {
    *text = "emulated card";
    return DONE_WELL;
}
Result cuGetErrorString(Result, const char **text) { return cuGetErrorName(0, text); }
}
