// The kernels of the stand-in: the same code that a GPU runs, on the host, one thread after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace fake {

struct Context;

// The address at which the host reaches device memory; ends the process when the range is not one allocation of the context.
using Reach = std::function<std::byte*(uint64_t address, size_t bytes)>;

void* LoadModule(Context* context, const char* ptx);                        // null: not text that a driver takes
void* FindKernel(void* module, const Context* context, const char* name);   // null: it has none of that name
std::string KernelName(void* function);
// Checks the arguments and takes them, as a launch does; what it returns is done when its time has come.
std::function<void()> PrepareKernel(void* function, const Context* context, void** arguments, unsigned blocks, unsigned threads,
                                    const Reach& reach);

}  // namespace fake
