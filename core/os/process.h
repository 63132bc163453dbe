// A child process of ours: started with a descriptor or two, spoken to in single bytes, waited for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pymemlab {

// An anonymous file in memory that a child can be handed. Move-only; closes on destruction.
class MemoryFile {
 public:
  // Throws InputError when the kernel refuses.
  static MemoryFile create(const char* name, std::size_t bytes);
  MemoryFile(MemoryFile&& other) noexcept;
  MemoryFile& operator=(MemoryFile&& other) noexcept;
  ~MemoryFile();
  // One that was handed to this process.
  static MemoryFile adopt(int descriptor) noexcept { return MemoryFile(descriptor); }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // Throws InputError if the descriptor is no file.
  [[nodiscard]] std::size_t bytes() const;
  // What it holds.
  [[nodiscard]] std::string text() const;

 private:
  explicit MemoryFile(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

struct ChildOptions {
  std::string program;                 // a path
  std::vector<std::string> arguments;  // argv[1] and after
  bool fixed_addresses = false;        // without address-space randomisation, if the kernel agrees
  std::optional<unsigned> cpu = {};    // bound to this processor, if the kernel agrees
  int memory_descriptor = -1;          // becomes the child's kMemory
  int error_descriptor = -1;           // becomes its standard error, if there is one
  // Variables set in the child besides this process's own; an empty value takes one away.
  std::vector<std::pair<std::string, std::string>> environment = {};
};

// The child is spoken to in single bytes over a socket, its kChannel.
class ChildProcess {
 public:
  // What the descriptors are called in the child.
  static constexpr int kMemory = 3;
  static constexpr int kChannel = 4;

  // Throws InputError when the program cannot be started.
  static ChildProcess start(const ChildOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills a child that has not been waited for.
  ~ChildProcess();

  // False when the child is gone.
  [[nodiscard]] bool send(char command);
  // Nothing when the child is gone.
  [[nodiscard]] std::optional<char> receive();
  // Closes the channel and waits. "" if it exited with 0, else e.g. "was killed by signal 9
  // (Killed)".
  [[nodiscard]] std::string wait();

 private:
  ChildProcess(int pid, int channel) noexcept : pid_(pid), channel_(channel) {}
  int pid_ = -1;
  int channel_ = -1;
};

// One byte over the channel, for the child's side. False / nothing when the other side is gone.
[[nodiscard]] bool send_byte(int descriptor, char byte) noexcept;
[[nodiscard]] std::optional<char> receive_byte(int descriptor) noexcept;

// The path of the running program.
[[nodiscard]] std::string running_program();

}  // namespace pymemlab
