using Berth.Model;

namespace Berth.Engine.Tests;

public sealed class EngineOptionsTests
{
    private static readonly EngineOptions Good = new() { RuntimePath = typeof(EngineOptionsTests).Assembly.Location };

    [Fact]
    public void Defaults_with_a_runtime_are_valid() => Good.Validate();

    [Fact]
    public void The_longest_exec_root_leaves_room_for_sockets()
    {
        EngineOptions options = Good with { ExecRoot = "/" + new string('x', 61) };
        options.Validate();
        Assert.InRange(options.ShimSocket(ContainerId.Create()).Length, 1, 107);
    }

    [Fact]
    public void Each_fault_is_named()
    {
        Refuse(Good with { DataRoot = "data" }, "data root \"data\"");
        Refuse(Good with { ExecRoot = "run" }, "exec root \"run\"");
        Refuse(Good with { ExecRoot = "/" + new string('x', 62) }, "at most 62");
        Refuse(Good with { RuntimePath = "/nonexistent/berth-runtime" }, "/nonexistent/berth-runtime");
    }

    private static void Refuse(EngineOptions options, string part)
    {
        var error = Assert.Throws<EngineException>(options.Validate);
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
