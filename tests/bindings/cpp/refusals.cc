// What must not compile. compiling.py compiles this once and wants each line with a mark to be refused with the text of the mark.
// A compiler tells of one instantiation once, so each line has a type of its own.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <tsnap.hpp>

struct Matrix {  // of an algebra library
  double *data();
  long size();
  double *begin();
  long rows();
  long cols();
};
struct MultiArray {  // iterates over its rows
  double *data();
  std::size_t size();
  std::vector<double> *begin();
};
struct NotCopyable {
  std::unique_ptr<int> owner;
};
struct OddEngine {
  std::vector<int> words;
};

void Refused(tsnap::State &state, const tsnap::Object &object) {
  std::vector<double> values(3);
  const std::vector<double> constant(3);
  const std::vector<int> constants(3);
  std::vector<bool> bits(3);
  std::vector<int *> pointers(3);
  std::vector<NotCopyable> owners(3);
  std::vector<short> shorts(3);
  Matrix matrix;
  MultiArray multi;
  OddEngine odd;
  state.private_("a", std::vector<double>(3));                         // refused: this is a temporary
  state.sharded("b", std::vector<float>(3), {3}, {0});                 // refused: this is a temporary
  state.private_("c", 5.0);                                            // refused: this is a temporary
  state.private_("d", std::string("text"));                            // refused: this is a temporary
  state.private_("e", constant);                                       // refused: it is const
  state.sharded("f", tsnap::View(constant, {3}), {3}, {0});            // refused: it is const
  state.private_("g", bits);                                           // refused: std::vector<bool> has no memory
  state.private_("h", pointers);                                       // refused: an address means nothing
  state.private_("i", owners);                                         // refused: must be trivially copyable
  state.private_("j", matrix);                                         // refused: does not say how its elements lie
  state.private_("k", multi);                                          // refused: does not say how its elements lie
  state.private_bytes("l", shorts);                                    // refused: a container of bytes
  state.rng("m", odd);                                                 // refused: neither << and >>
  object.read_into(std::vector<int>(3));                               // refused: this is a temporary
  object.read_into(constants);                                         // refused: it is const
  (void)object.get<float>();                                           // refused: get() reads
  (void)object.read<bool>();                                           // refused: has no memory to read into
}
