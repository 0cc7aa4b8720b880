#include "mop/app/command.h"

int main(int argc, char** argv) {
  mop::PosixFs fs;
  mop::SystemClock clock;
  return mop::app::run(argc, argv, fs, clock);
}
