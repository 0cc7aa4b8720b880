// Ctrl-C and SIGTERM: work in steps, ask between steps, keep what is finished. SIGHUP: read settings again.
#pragma once

namespace mop {

/// Makes SIGINT and SIGTERM set the flag instead of killing; a second signal kills.
void install_interrupt_handlers();

/// True once a signal came in. Cheap: one relaxed atomic load.
bool interrupted();

/// Makes SIGHUP ask for the settings to be read again instead of killing.
void install_hangup_handler();

/// True once after one or more SIGHUPs came in.
bool take_hangup();

}  // namespace mop
