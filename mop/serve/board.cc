#include "mop/serve/board.h"

namespace mop::serve {

void BoardHolder::put(std::shared_ptr<const Board> board) {
  const std::lock_guard lock(mutex_);
  board_ = std::move(board);
}

std::shared_ptr<const Board> BoardHolder::get() const {
  const std::lock_guard lock(mutex_);
  return board_;
}

}  // namespace mop::serve
