// Ctrl-C and SIGTERM: work in steps, ask between steps, keep what is finished.
#pragma once

namespace mop {

/// Makes SIGINT and SIGTERM set the flag instead of killing; a second signal kills.
void install_interrupt_handlers();

/// True once a signal came in. Cheap: one relaxed atomic load.
bool interrupted();

}  // namespace mop
