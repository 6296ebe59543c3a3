//! The types of the WIT packages (../../../wit) that a classifier uses. An `extern struct` has the memory layout of a record; a `string`
//! and a `list` are a pointer and a length, a `result` and a `variant` begin with the number of the case (component model,
//! "Canonical ABI"). There are so few that no generator is needed.

const std = @import("std");

/// Items, such as the bytes of a `string`.
pub fn List(Item: type) type {
    return extern struct {
        at: [*]const Item = undefined,
        n: usize = 0,

        pub fn of(its: []const Item) @This() {
            return .{ .at = its.ptr, .n = its.len };
        }

        pub fn items(list: @This()) []const Item {
            return if (list.n == 0) &.{} else list.at[0..list.n];
        }
    };
}

pub const Text = List(u8);
pub const Fact = extern struct { name: Text, value: Text };
pub const OptionalText = extern struct { is_there: bool = false, text: Text = .{} };

// metadata

pub const Strategy = extern struct {
    kind: Text,
    name: Text,
    summary: Text,
    settings_schema: OptionalText = .{},
    example_settings: OptionalText = .{},
    extra: List(Fact) = .{},
};

pub const Info = extern struct {
    name: Text,
    version: Text,
    description: Text,
    homepage: OptionalText = .{},
    strategies: List(Strategy),
    extra: List(Fact) = .{},
};

// classifier

pub const Issue = extern struct {
    repo: Text,
    number: u64,
    title: Text,
    body: Text,
    author: Text,
    labels: List(Text),
    created_at_ms: u64,
    url: Text,
    extra: List(Fact),
};

pub const Context = extern struct { strategy: Text, settings: Text, domains: List(Text), extra: List(Fact) };

/// The arguments of `classify`. There are too many to pass directly, so they are passed in memory, one after the other.
pub const Question = extern struct { context: Context, issue: Issue };

pub const Score = extern struct { domain: Text, confidence: f32 };

pub const Classification = extern struct {
    domain: Text,
    confidence: f32 = 0,
    reasons: List(Text) = .{},
    alternatives: List(Score) = .{},
    paths: List(Text) = .{},
    extra: List(Fact) = .{},
};

pub const PluginError = extern struct {
    which: enum(u8) { invalid_settings, invalid_input, unavailable, internal },
    text: Text,
};

pub const Answer = extern struct {
    is_error: bool = false,
    value: extern union { answer: Classification, problem: PluginError },
};

pub const Checked = extern struct { is_error: bool = false, problem: PluginError = undefined };

// host-log

pub const Level = enum(i32) { trace, debug, info, warn, @"error" };

extern "autoissue:plugin/host-log@0.1.0" fn log(level: Level, at: [*]const u8, n: usize) void;

/// Writes a line to the host's log.
pub fn print(level: Level, comptime format: []const u8, values: anytype) void {
    const line = text(format, values);
    log(level, line.ptr, line.len);
}

/// What a panic does: the host reports the last line at level `error` as the reason why the call failed.
pub const panic = std.debug.FullPanic(struct {
    fn panicked(message: []const u8, _: ?usize) noreturn {
        log(.@"error", message.ptr, message.len);
        @trap();
    }
}.panicked);

// Memory. Each call gets a new instance, so nothing is ever freed.

const allocator = std.heap.wasm_allocator;

/// Returns a new text.
pub fn text(comptime format: []const u8, values: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, format, values) catch @panic("out of memory");
}

/// Allocates memory for values passed in by the host. Nothing can be logged here.
fn realloc(old: ?[*]u8, n_old: usize, alignment: usize, n: usize) callconv(.c) [*]u8 {
    const at = allocator.rawAlloc(@max(n, 1), .fromByteUnits(alignment), 0) orelse @trap();
    if (old) |bytes| @memcpy(at[0..@min(n, n_old)], bytes[0..@min(n, n_old)]);
    return at;
}

comptime {
    @export(&realloc, .{ .name = "cabi_realloc" });
}
