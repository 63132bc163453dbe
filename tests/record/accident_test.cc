// Hosts that are killed, disks that fill up, memory that cannot be shared: the program never
// notices, and the message says what was lost.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/interpreters.h"
#include "tests/record/recording.h"

namespace pymemlab {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

class RecordAccident : public RecordTest {
 protected:
  void SetUp() override {
    if (interpreters().empty()) GTEST_SKIP() << "no CPython on this machine";
  }
  [[nodiscard]] static std::string python() { return interpreters().back().path; }
};

// Two threads keep the ring busy; the main one says after each allocation that it has it.
constexpr const char* kAnnouncing = R"py(
import os, threading
def work():
    while True: [[str(i)] for i in range(300)]
for _ in range(2): threading.Thread(target=work, daemon=True).start()
for i in range(1000000):
    kept = bytearray(1000000 + 2 * i)
    os.write(1, b'has %d\n' % i)
)py";

// The size that it last said it has; 0 if it said nothing.
std::uint64_t last_announced(const std::string& out) {
  const std::size_t end = out.rfind('\n');
  if (end == std::string::npos) return 0;
  const std::string number = out.substr(out.rfind("has ", end) + 4);
  return 1000000 + 2 * static_cast<std::uint64_t>(std::atoi(number.c_str()));
}

// The one child of `parent`; 0 if none comes.
int child_of(int parent) {
  int child = 0;
  const bool has_come = comes_true([&] {
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", parent));
    return static_cast<bool>(children >> child);
  });
  return has_come ? child : 0;
}

// PYMEMLAB_KILLS times, five by default.
TEST_F(RecordAccident, LosesNoCommittedEventWheneverTheProgramIsKilled) {
  const char* wanted = std::getenv("PYMEMLAB_KILLS");
  const int kills = wanted == nullptr ? 5 : std::atoi(wanted);
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  for (int kill = 0; kill < kills; ++kill) {
    const auto& all = interpreters();
    const std::string& host = all[static_cast<std::size_t>(kill) % all.size()].path;
    SCOPED_TRACE(fmt::format("kill {} of seed {}, {}", kill, seed, host));
    Command recording(recording_of({host, "-c", kAnnouncing}));
    const int program = child_of(recording.id());
    ASSERT_NE(program, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 400'000));
    ASSERT_EQ(::kill(program, SIGKILL), 0);
    const CommandResult result = recording.result();
    EXPECT_EQ(result.status, 128 + SIGKILL);
    const std::uint64_t announced = last_announced(result.out);
    // So early that no allocator was called.
    if (announced == 0 && !std::filesystem::exists(trace())) continue;
    const TraceFacts facts = this->facts();
    EXPECT_EQ(facts.damage, std::nullopt);
    EXPECT_EQ(facts.unknown, 0u);
    EXPECT_EQ(facts.overlaps, 0u);
    if (announced == 0) continue;
    EXPECT_THAT(facts.sizes, about(announced));
    // Replays it, and compares where every block lies.
    const CommandResult verified = run({pymemlab(), "verify", trace()});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  }
}

TEST_F(RecordAccident, LosesTheUnwrittenChunkAndTheRingWhenTheCollectorIsKilled) {
  // After the kill it makes more events than the ring holds.
  const std::string script = fmt::format(R"py(
import os, sys, time
i = 0
while not os.path.exists('{0}'):
    kept = bytearray(1000000 + 2 * i)
    os.write(1, b'has %d\n' % i)
    [str(j) for j in range(1000)]
    time.sleep(0.005)
    i += 1
for _ in range(400): [str(j) for j in range(10000)]
open('{1}', 'w').write('done')
)py",
                                         in_folder("killed"), in_folder("done"));
  Command recording(recording_of({python(), "-c", script}));
  ASSERT_TRUE(recording.has_printed("has 50\n"));
  const std::uint64_t written_by_now = last_announced(recording.out());
  // Chunks are written every second.
  ASSERT_TRUE(
      comes_true([&] { return testing::Matches(about(written_by_now))(facts_so_far().sizes); }));
  ::kill(recording.id(), SIGKILL);
  write_file("killed", "");
  EXPECT_TRUE(comes_true([&] { return std::filesystem::exists(in_folder("done")); }));
  const TraceFacts facts = this->facts();
  EXPECT_TRUE(facts.damage.has_value());
  EXPECT_THAT(facts.sizes, about(written_by_now));
  EXPECT_EQ(facts.unknown, 0u);
  EXPECT_EQ(facts.overlaps, 0u);
  ASSERT_TRUE(facts.metadata.python.has_value());
  EXPECT_EQ(facts.metadata.python->version, interpreters().back().version);
  const CommandResult verified = run({pymemlab(), "verify", trace()});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
}

// Requests that no compression can foresee.
constexpr const char* kUnforeseeable = R"py(
import random
kept = {}
for i in range(300000):
    kept[random.randrange(5000)] = bytes(random.randrange(2000))
print('all of it')
)py";

TEST_F(RecordAccident, KeepsWhatFittedWhenTheDiskFillsUp) {
  const std::string disk = in_folder("disk");
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=512k") != 0)
    GTEST_SKIP() << "only root can mount a small disk";
  const std::string place = disk + "/t.pmtrace";
  const CommandResult result =
      run({pymemlab(), "record", "-o", place, "--", python(), "-c", kUnforeseeable});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "all of it\n");
  EXPECT_THAT(result.err, HasSubstr(place + ": cannot be written: No space left on device; the "
                                            "trace ends early, after its last whole chunk"));
  const TraceFacts facts = read_facts(place);
  EXPECT_TRUE(facts.damage.has_value());
  EXPECT_GT(facts.events, 100000u);
  EXPECT_EQ(facts.unknown, 0u);
  ::umount(disk.c_str());
}

TEST_F(RecordAccident, LetsEveryProcessOfATreeFinishWhenTheDiskFillsUp) {
  const std::string disk = in_folder("disk");
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "only root can mount a small disk";
  const CommandResult result = run(
      {pymemlab(), "record", "-o", disk + "/traces/", "--", python(), "-c",
       std::string(kUnforeseeable) + "import os\nif os.fork() == 0: x = [[i] for i in range(9)]; "
                                     "os._exit(3)\nprint(os.wait()[1] >> 8)\n"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "all of it\n3\n");
  EXPECT_THAT(result.err, ContainsRegex("pymemlab: process [0-9]+: .*No space left on device"));
  ::umount(disk.c_str());
}

TEST_F(RecordAccident, SaysBeforeAnythingStartsThatAFolderIsReadOnly) {
  const std::string disk = in_folder("disk");
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", MS_RDONLY, "") != 0)
    GTEST_SKIP() << "only root can mount a read-only disk";
  for (const char* place : {"/t.pmtrace", "/traces/", "/"}) {
    const CommandResult result =
        run({pymemlab(), "record", "-o", disk + place, "--", "touch", in_folder("started")});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err,
                AllOf(StartsWith("pymemlab: " + disk + place), HasSubstr("Read-only file system")));
  }
  EXPECT_FALSE(std::filesystem::exists(in_folder("started")));
  ::umount(disk.c_str());
}

// A limit on file sizes hits the shared memory first.
TEST_F(RecordAccident, SaysThatThereIsNoMemoryToShare) {
  const CommandResult result = run({"sh", "-c",
                                    fmt::format("ulimit -f 64; exec {} record -o {} -- touch {}",
                                                pymemlab(), trace(), in_folder("started"))});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("File too large"));
  EXPECT_FALSE(std::filesystem::exists(in_folder("started")));
  EXPECT_FALSE(std::filesystem::exists(trace()));
}

// What the two processes share has no name in any folder, so none has to be writable.
TEST_F(RecordAccident, NeedsNoWritableSharedMemoryFolder) {
  const std::string command = fmt::format(
      "mount -o bind,ro /dev/shm /dev/shm 2>/dev/null || mount -o remount,ro,bind /dev/shm || exit "
      "77\n"
      "touch /dev/shm/pymemlab 2>/dev/null && exit 77\n"
      "exec {} record -o {} -- {} -c 'print(1)'",
      pymemlab(), trace(), python());
  const CommandResult result = run({"unshare", "--mount", "sh", "-c", command});
  if (result.out.empty()) GTEST_SKIP() << "only root can make /dev/shm read-only: " << result.err;
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(facts().requests[index(Domain::obj)], 1000u);
}

// Another user's process may not open what the collector shares.
TEST_F(RecordAccident, LetsAProgramRunUnrecordedThatMayNotWriteTheRing) {
  if (::geteuid() != 0 || run({"setpriv", "--version"}).status != 0)
    GTEST_SKIP() << "only root can be somebody else";
  const CommandResult result = record({"setpriv", "--reuid", "65534", "--clear-groups",
                                       "/usr/bin/env", "python3", "-c", "print('ran')"},
                                      {.environment = {{"PATH", "/usr/bin:/bin"}}});
  if (result.out.empty()) GTEST_SKIP() << "nobody has no Python here";
  EXPECT_EQ(result.out, "ran\n");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("as the same user"));
}

}  // namespace
}  // namespace pymemlab
