// Both ends of the ring in one process. The agent's state is one a process, so each story runs in a
// child of its own, which exits 0 if it went well.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "core/record/agent/ring_writer.h"
#include "core/record/ring_reader.h"

namespace pymemlab {
namespace {

RingReader* g_reader;

// What the agent does with the ring that it has taken.
ring::Header* map_again() noexcept {
  void* mapping = ::mmap(nullptr, ring::kMappingBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                         g_reader->descriptor(), 0);
  return static_cast<ring::Header*>(mapping);
}

class Story {
 public:
  Story() : reader_(1) {
    g_reader = &reader_;
    agent::record_from_first_event(map_again);
  }
  // A record whose address is its number in its thread.
  static void emit(std::uint64_t number) {
    agent::emit(static_cast<std::uint64_t>(ring::Kind::free), reinterpret_cast<void*>(number));
  }
  // The next record, once there is one.
  ring::Record take() {
    while (reader_.committed().empty()) std::this_thread::yield();
    const ring::Record record = reader_.committed().front();
    reader_.release(1);
    return record;
  }
  RingReader& reader() { return reader_; }

 private:
  RingReader reader_;
};

[[noreturn]] void tell(bool well) { _exit(well ? 0 : 1); }

// The threads all write `each` records, the first one without a pause while the others come. True
// if the collector gets all of them, each thread's in its order.
bool all_arrive(std::uint64_t each, unsigned threads) {
  Story story;
  bool well = true;
  std::thread collector([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::vector<std::uint64_t> next(threads, 1);
    for (std::uint64_t taken = 0; taken < each * threads;) {
      if (std::chrono::steady_clock::now() > deadline) tell(false);
      const auto records = story.reader().committed();
      for (const ring::Record& record : records) {
        const std::uint64_t thread = record.where >> ring::kThreadShift;
        well = well && thread < threads && (record.where & ring::kAddressMask) == next[thread]++;
      }
      story.reader().release(records.size());
      taken += records.size();
    }
  });
  std::vector<std::thread> others;
  for (std::uint64_t i = 1; i <= each; ++i) {
    Story::emit(i);
    if (i % (each / 4) == 0 && others.size() + 1 < threads) {
      others.emplace_back([each] {
        for (std::uint64_t j = 1; j <= each; ++j) Story::emit(j);
      });
    }
  }
  for (std::thread& other : others) other.join();
  collector.join();
  return well;
}

TEST(Ring, LosesNothingInSeveralLapsOfSeveralThreads) {
  EXPECT_EXIT(tell(all_arrive(2'000'000, 3)), testing::ExitedWithCode(0), "");
}

// The owner is caught at another instruction each time.
TEST(Ring, LosesNothingWhereverTheCursorIsTakenFromItsOwner) {
  for (int trial = 0; trial < 150; ++trial) {
    EXPECT_EXIT(tell(all_arrive(40'000, 2)), testing::ExitedWithCode(0), "") << "trial " << trial;
    if (HasFailure()) break;
  }
}

TEST(Ring, EndsForGoodWithoutAHoleWhenNobodyReads) {
  EXPECT_EXIT(
      {
        Story story;
        for (std::uint64_t i = 1; i <= ring::kRecords + 5; ++i) Story::emit(i);
        bool well = story.reader().header().state == ring::State::stopped;
        for (std::uint64_t i = 1; i <= ring::kRecords;) {
          const auto records = story.reader().committed();
          well = well && !records.empty();
          for (const ring::Record& record : records) well = well && record.where == i++;
          if (!well) tell(false);
          story.reader().release(records.size());
        }
        Story::emit(1);
        well = well && story.reader().committed().empty() && !story.reader().skip_hole() &&
               !agent::may_record();
        tell(well);
      },
      testing::ExitedWithCode(0), "");
}

// The collector looks, but takes nothing before the writer is done with several laps.
TEST(Ring, LetsTheWriterGoOnWhileTheCollectorLags) {
  EXPECT_EXIT(
      {
        constexpr std::uint64_t kEach = 3 * ring::kRecords;
        Story story;
        std::atomic<bool> written = false;
        std::thread collector([&] {
          while (!written) (void)story.reader().committed();
        });
        for (std::uint64_t i = 1; i <= kEach; ++i) Story::emit(i);
        written = true;
        collector.join();
        bool well =
            story.reader().backlog() != 0 && story.reader().header().state != ring::State::stopped;
        for (std::uint64_t i = 1; i <= kEach && well;) {
          const auto records = story.reader().committed();
          well = well && !records.empty();
          for (const ring::Record& record : records) well = well && record.where == i++;
          story.reader().release(records.size());
        }
        tell(well && story.reader().backlog() == 0 && story.reader().committed().empty());
      },
      testing::ExitedWithCode(0), "");
}

TEST(Ring, KeepsASizeNextToItsEventAlsoWhereALapEnds) {
  EXPECT_EXIT(
      {
        Story story;
        bool well = true;
        const auto check = [&](std::uint64_t i) {
          const ring::Record head = story.take();
          well = well && head.where == i && head.what >> ring::kSizeShift == ring::kWideSize;
          well = well && story.take().where == i + 1 && story.take().where == i + 2;
        };
        for (std::uint64_t i = 1; i < ring::kRecords; ++i) {
          agent::emit_wide(static_cast<std::uint64_t>(ring::Kind::calloc),
                           reinterpret_cast<void*>(i), i + 1, i + 2);
          check(i);
        }
        tell(well);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Ring, SkipsWhatADeadWriterTookAndDidNotCommit) {
  EXPECT_EXIT(
      {
        Story story;
        Story::emit(1);
        std::thread([] { Story::emit(2); }).join();
        // As if a thread had died here.
        const_cast<ring::Header&>(story.reader().header())
            .reserved.fetch_add(2 * sizeof(ring::Record));
        std::thread([] { Story::emit(3); }).join();
        bool well = story.take().where == 1 && (story.take().where & ring::kAddressMask) == 2;
        well = well && story.reader().committed().empty() && story.reader().skip_hole();
        well =
            well && (story.take().where & ring::kAddressMask) == 3 && !story.reader().skip_hole();
        tell(well);
      },
      testing::ExitedWithCode(0), "");
}

// The kernel hands the call of the barrier to this handler, which plays the owner at its worst: the
// limit must be gone by now, and a move that becomes visible only here must still be seen.
std::atomic<std::uint64_t>* g_owners_next;
std::atomic<std::uint64_t>* g_owners_limit;
std::atomic<int> g_barriers;

void move_in_barrier(int, siginfo_t*, void* context) {
  if (g_owners_limit->load() == 0) ++g_barriers;
  g_owners_next->fetch_add(sizeof(ring::Record));
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = 0;
}

bool trap_barriers() {
  struct sigaction action = {};
  action.sa_sigaction = move_in_barrier;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {.len = 4, .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

TEST(Ring, SeesTheOwnersLastMoveWhenTheCursorIsTakenFromIt) {
  EXPECT_EXIT(
      {
        Story story;
        Story::emit(1);
        g_owners_next = &agent::t_thread.next;
        g_owners_limit = &agent::t_thread.limit;
        constexpr std::uint64_t kBehindBoth = ring::kFirstPosition + 2 * sizeof(ring::Record);
        if (g_owners_limit->load() == 0 || !trap_barriers()) tell(true);  // no barrier, or no trap
        std::thread([] { Story::emit(3); }).join();
        const std::uint64_t reserved = story.reader().header().reserved;
        tell(g_barriers == 1 && reserved == kBehindBoth + sizeof(ring::Record));
      },
      testing::ExitedWithCode(0), "");
}

// It goes on writing until the agent has taken its hooks away.
TEST(Ring, LooksForAPauseEveryFewThousandEventsOfObjects) {
  EXPECT_EXIT(
      {
        Story story;
        static int looks = 0;
        agent::at_pauses([]() noexcept { ++looks; });
        constexpr auto kObject = std::uint64_t{2} << ring::kDomainShift;
        const auto emit = [&](int events) {
          for (int i = 0; i < events; ++i) {
            agent::emit(kObject, nullptr);
            story.take();
          }
        };
        emit(100'000);
        bool well = looks == 0;
        story.reader().set_paused(true);
        emit(20'000);
        well = well && looks > 0;
        for (int i = 0; i < 20'000; ++i) {
          const int before = looks;
          Story::emit(1);  // of raw
          story.take();
          well = well && looks == before;
        }
        story.reader().set_paused(false);
        emit(1000);
        const int before = looks;
        emit(100'000);
        tell(well && looks == before);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Ring, IsNotWrittenToByAForkedChild) {
  EXPECT_EXIT(
      {
        Story story;
        Story::emit(1);
        agent::continue_in_child(false);
        Story::emit(2);
        std::thread([] { Story::emit(3); }).join();
        tell(story.take().where == 1 && story.reader().committed().empty());
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace pymemlab
