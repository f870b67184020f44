using System.Net.Sockets;
using System.Text;
using Berth.Runtime.Shims;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Tests.Shims;

/// <summary>Hostile bytes on the shim's socket: each connection ends or gets an Error, and the container does not notice.</summary>
[Collection("shims")]
public sealed class ShimFuzzTests : IAsyncLifetime
{
    private readonly ShimHarness _harness = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _harness.DisposeAsync();

    [Fact]
    public async Task Attack13_HostileBytesEndTheirConnectionAndNothingElse()
    {
        _harness.Write("read a; echo alive $a", config => config with { OpenStdin = true, StdinOnce = true });
        Shim shim = await _harness.PrepareAsync();
        await shim.StartAsync(ShimHarness.Soon);
        var random = new Random(7);
        for (int round = 0; round < 400; round++)
            await AttackAsync(random, round);

        ShimState state = await shim.GetStateAsync(ShimHarness.Soon);
        Assert.Null(state.Exit);
        await using ShimStream stream = await shim.AttachAsync(null, AttachStreams.Stdin | AttachStreams.Stdout, ShimHarness.Soon);
        await stream.Stream.WriteAsync("yes\n"u8.ToArray(), ShimHarness.Soon);
        Assert.Equal("alive yes\n", (await ShimHarness.ReadAsync(stream)).Out);
    }

    private async Task AttackAsync(Random random, int round)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_harness.Config.SocketPath), ShimHarness.Soon);
        try
        {
            if (round % 3 != 0)
                await socket.SendAsync(new FrameBuilder().UInt16(FrameHeader.Version).Build(FrameType.Hello, 1), ShimHarness.Soon);
            await socket.SendAsync(Bytes(random, round), ShimHarness.Soon);
            socket.Shutdown(SocketShutdown.Send);
            byte[] answer = new byte[4096];
            while (await socket.ReceiveAsync(answer, ShimHarness.Soon) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // The shim has ended the connection: what this is about.
        }
    }

    private static ReadOnlyMemory<byte> Bytes(Random random, int round)
    {
        byte[] noise = new byte[random.Next(1, 3000)];
        random.NextBytes(noise);
        FrameType[] types = [.. Enum.GetValues<FrameType>().Where(static type => type is not FrameType.Attach)];
        FrameType type = types[random.Next(types.Length)];
        return (round % 8) switch
        {
            0 => noise,
            1 => Header(uint.MaxValue, (ushort)type, 0),
            2 => Header(FrameHeader.MaxPayload + 1, (ushort)type, 0),
            3 => Header(4, (ushort)type, 1),
            4 => Header(0, (ushort)random.Next(ushort.MaxValue), 0),
            5 => new FrameBuilder().Raw(noise).Build(type, 5),
            6 => new FrameBuilder().String("x").Raw(Encoding.UTF8.GetBytes("{\"process\":{\"args\":[" + new string('[', 500))).Build(FrameType.CreateExec, 5),
            _ => new FrameBuilder().String("").Build(type, 5)[..^1], // cut off
        };
    }

    private static byte[] Header(uint length, ushort type, ushort reserved)
    {
        byte[] header = new byte[FrameHeader.Bytes + 4];
        BitConverter.TryWriteBytes(header, length);
        BitConverter.TryWriteBytes(header.AsSpan(4), type);
        BitConverter.TryWriteBytes(header.AsSpan(6), reserved);
        return header;
    }

    [Fact]
    public void ReadersTakeNothingButWhatIsThere()
    {
        var random = new Random(3);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] payload = new byte[random.Next(0, 40)];
            random.NextBytes(payload);
            try
            {
                var reader = new PayloadReader(payload);
                _ = reader.ReadString();
                _ = reader.ReadInt32();
                _ = reader.ReadTime();
                reader.End();
            }
            catch (ProtocolException)
            {
                // The only thing that may come out.
            }
        }
    }
}
