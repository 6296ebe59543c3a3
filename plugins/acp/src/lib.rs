//! The built-in agent backend that runs programs which speak the Agent Client Protocol.
