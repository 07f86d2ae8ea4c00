// The wrappers of pmpi_probe.h. Only calls that the library makes are here.

#include "pmpi_probe.h"

#include <atomic>
#include <thread>

#include "tsnap/mpi.h"

namespace tsnap::test {
namespace {

thread_local MpiTraffic traffic;
std::thread::id first_thread;  // set while there is one thread
std::atomic<uint64_t> calls_by_others{0};
std::atomic<MpiCall> watched{MpiCall::kNone};
std::atomic<int64_t> seen{0}, failing{0};

void NoteThread() {
  if (first_thread != std::thread::id() && std::this_thread::get_id() != first_thread)
    ++calls_by_others;
}

bool Fails(MpiCall call) {
  NoteThread();
  return watched == call && ++seen == failing;
}

uint64_t SizeOf(int count, MPI_Datatype type) {
  int bytes = 0;
  PMPI_Type_size(type, &bytes);
  return static_cast<uint64_t>(count) * static_cast<uint64_t>(bytes);
}

void CountMessage(int count, MPI_Datatype type) {
  NoteThread();
  ++traffic.messages;
  traffic.message_bytes += SizeOf(count, type);
}

void CountCollective(uint64_t bytes) {
  NoteThread();
  ++traffic.collectives;
  traffic.collective_bytes += bytes;
}

}  // namespace

MpiTraffic& Traffic() { return traffic; }
void WatchThreads() { first_thread = std::this_thread::get_id(); }
uint64_t CallsByOtherThreads() { return calls_by_others; }

void FailNth(MpiCall call, int64_t n) {
  watched = MpiCall::kNone;
  seen = 0;
  failing = n;
  watched = call;
}

int64_t CallsSeen() {
  watched = MpiCall::kNone;
  return seen;
}

}  // namespace tsnap::test

using namespace tsnap::test;

extern "C" {

int MPI_Issend(const void* data, int count, MPI_Datatype type, int peer, int tag, MPI_Comm comm,
               MPI_Request* request) {
  if (Fails(MpiCall::kIssend)) return MPI_ERR_OTHER;
  CountMessage(count, type);
  return PMPI_Issend(data, count, type, peer, tag, comm, request);
}

int MPI_Isend(const void* data, int count, MPI_Datatype type, int peer, int tag, MPI_Comm comm,
              MPI_Request* request) {
  CountMessage(count, type);
  return PMPI_Isend(data, count, type, peer, tag, comm, request);
}

int MPI_Send(const void* data, int count, MPI_Datatype type, int peer, int tag, MPI_Comm comm) {
  CountMessage(count, type);
  return PMPI_Send(data, count, type, peer, tag, comm);
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request* request) {
  if (Fails(MpiCall::kIbarrier)) return MPI_ERR_OTHER;
  CountCollective(0);
  return PMPI_Ibarrier(comm, request);
}

int MPI_Iallreduce(const void* in, void* out, int count, MPI_Datatype type, MPI_Op op,
                   MPI_Comm comm, MPI_Request* request) {
  if (Fails(MpiCall::kIallreduce)) return MPI_ERR_OTHER;
  CountCollective(SizeOf(count, type));
  return PMPI_Iallreduce(in, out, count, type, op, comm, request);
}

int MPI_Iallgather(const void* in, int in_count, MPI_Datatype in_type, void* out, int out_count,
                   MPI_Datatype out_type, MPI_Comm comm, MPI_Request* request) {
  if (Fails(MpiCall::kIallgather)) return MPI_ERR_OTHER;
  CountCollective(SizeOf(in_count, in_type));
  return PMPI_Iallgather(in, in_count, in_type, out, out_count, out_type, comm, request);
}

int MPI_Ibcast(void* data, int count, MPI_Datatype type, int root, MPI_Comm comm,
               MPI_Request* request) {
  int rank = 0;
  PMPI_Comm_rank(comm, &rank);
  CountCollective(rank == root ? SizeOf(count, type) : 0);
  return PMPI_Ibcast(data, count, type, root, comm, request);
}

// These only see who calls.

int MPI_Test(MPI_Request* request, int* done, MPI_Status* status) {
  NoteThread();
  return PMPI_Test(request, done, status);
}

int MPI_Testall(int count, MPI_Request* requests, int* done, MPI_Status* statuses) {
  NoteThread();
  return PMPI_Testall(count, requests, done, statuses);
}

int MPI_Irecv(void* data, int count, MPI_Datatype type, int peer, int tag, MPI_Comm comm,
              MPI_Request* request) {
  NoteThread();
  return PMPI_Irecv(data, count, type, peer, tag, comm, request);
}

int MPI_Iprobe(int source, int tag, MPI_Comm comm, int* found, MPI_Status* status) {
  NoteThread();
  return PMPI_Iprobe(source, tag, comm, found, status);
}

int MPI_Testsome(int count, MPI_Request* requests, int* done_count, int* done,
                 MPI_Status* statuses) {
  NoteThread();
  return PMPI_Testsome(count, requests, done_count, done, statuses);
}

int MPI_Improbe(int source, int tag, MPI_Comm comm, int* found, MPI_Message* message,
                MPI_Status* status) {
  NoteThread();
  return PMPI_Improbe(source, tag, comm, found, message, status);
}

int MPI_Imrecv(void* data, int count, MPI_Datatype type, MPI_Message* message,
               MPI_Request* request) {
  NoteThread();
  return PMPI_Imrecv(data, count, type, message, request);
}

int MPI_Get_count(const MPI_Status* status, MPI_Datatype type, int* count) {
  NoteThread();
  return PMPI_Get_count(status, type, count);
}

int MPI_Comm_idup(MPI_Comm comm, MPI_Comm* made, MPI_Request* request) {
  if (Fails(MpiCall::kIdup)) return MPI_ERR_OTHER;
  return PMPI_Comm_idup(comm, made, request);
}

int MPI_Comm_free(MPI_Comm* comm) {
  NoteThread();
  return PMPI_Comm_free(comm);
}

int MPI_Error_string(int code, char* text, int* length) {
  NoteThread();
  return PMPI_Error_string(code, text, length);
}

}  // extern "C"
