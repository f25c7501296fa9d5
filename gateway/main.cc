#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "gateway/config_check.h"
#include "gateway/config_file.h"
#include "gateway/config_quick.h"
#include "gateway/config_summary.h"
#include "gateway/memory_account.h"
#include "gateway/net/event_loop.h"
#include "gateway/net/tls_context.h"
#include "gateway/server.h"

namespace {

// Exit codes: 0 good, 1 the configuration or the start failed, 2 the command line is not understood.
constexpr int kFailed = 1;
constexpr int kUsage = 2;

void print(const gateway::Mistakes& mistakes) {
  for (const gateway::Mistake& mistake : mistakes.all()) fmt::print(stderr, "{}\n", mistake.to_string());
}

int check(const std::string& file) {
  gateway::LoadedConfig loaded = gateway::load_config(file);
  if (loaded.config) check_ports(*loaded.config, gateway::Mistake::Severity::warning, loaded.mistakes);
  print(loaded.mistakes);
  if (!loaded.config) return kFailed;
  fmt::print("{}: good\n{}", file, config_summary(*loaded.config));
  return 0;
}

int run(gateway::LoadedConfig loaded) {
  if (loaded.config) check_ports(*loaded.config, gateway::Mistake::Severity::error, loaded.mistakes);
  print(loaded.mistakes);
  if (loaded.mistakes.has_errors()) return kFailed;
  gateway::Server server(std::move(*loaded.config));
  if (const auto error = server.start()) {
    fmt::print(stderr, "{}\n", *error);
    return kFailed;
  }
  return server.run();
}

// Before anything else allocates with them.
void charge_libraries() {
  gateway::EventLoop::set_allocator([](void* memory, long size) noexcept {
    return gateway::counted_realloc(pool::Account::events, memory, static_cast<std::size_t>(size));
  });
  gateway::set_tls_allocator([](void* memory, std::size_t size) noexcept {
    return gateway::counted_realloc(pool::Account::tls, memory, size);
  });
}

// What the options write to.
struct Options {
  std::string file;
  gateway::QuickOptions quick;
};

void add_run(CLI::App& app, Options& options) {
  CLI::App* run_command = app.add_subcommand("run", "Serve until SIGTERM or SIGINT");
  auto* config =
      run_command->add_option("--config", options.file, "The configuration, a TOML file")->type_name("FILE");
  auto* listen =
      run_command->add_option("--listen", options.quick.listen, "https://ADDRESS:PORT or h2c://ADDRESS:PORT")
          ->type_name("URL")
          ->excludes(config);
  auto* to = run_command
                 ->add_option("--to", options.quick.to,
                              "http://, h2c:// or https://HOST:PORT; several share the load")
                 ->type_name("URL")
                 ->expected(1)
                 ->take_all()
                 ->excludes(config)
                 ->needs(listen);
  listen->needs(to);
  run_command
      ->add_option("--certificate", options.quick.certificate,
                   "The certificate chain for https in front, PEM")
      ->type_name("FILE")
      ->needs(listen);
  run_command->add_option("--key", options.quick.key, "Its private key, PEM")
      ->type_name("FILE")
      ->needs(listen);
  run_command->callback([&options] {
    if (options.file.empty() && options.quick.listen.empty())
      throw CLI::RequiredError("--config FILE, or --listen URL with --to URL,");
  });
}

void add_check(CLI::App& app, Options& options) {
  app.add_subcommand("check", "Look for mistakes in a configuration")
      ->add_option("--config", options.file, "The configuration, a TOML file")
      ->type_name("FILE")
      ->required();
}

int main_or_throw(int argc, char** argv) {
  CLI::App app("An HTTP/2 gateway that runs inside the memory you give it.", "gateway");
  app.require_subcommand(1);
  app.set_version_flag("--version", "gateway " GATEWAY_VERSION);
  Options options;
  add_run(app, options);
  add_check(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    fmt::print(stderr, "gateway: {}\n\n{}", error.what(), app.help());
    return kUsage;
  }
  if (app.got_subcommand("check")) return check(options.file);
  return run(options.file.empty() ? quick_config(options.quick) : gateway::load_config(options.file));
}

}  // namespace

int main(int argc, char** argv) {
  charge_libraries();
  try {
    return main_or_throw(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "gateway: {}\n", error.what());
    return kFailed;
  }
}
