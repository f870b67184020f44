using System.Buffers;
using System.Collections.Concurrent;
#if NET10_0_OR_GREATER
using Microsoft.AspNetCore.Connections;
#else
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
#endif

namespace Berth.Daemon.Http;

/// <summary>
/// The memory of connections, in blocks of 64 KiB, whatever less is asked for. Kestrel's own blocks have 4 KiB, and every read(2) of a socket fills one at
/// most: an upload of 28 MB took 7,000 of them. What is not in use is kept for the next connection up to 2 MiB, until <see cref="Release"/>.
/// </summary>
internal sealed class BlockPool : MemoryPool<byte>
{
    private const int BlockSize = 64 << 10;
    private const int Kept = 32;
    private readonly ConcurrentQueue<byte[]> unused = new();

    /// <summary>The one of this process; disposing it does nothing.</summary>
    public static new BlockPool Shared { get; } = new();

    /// <inheritdoc/>
    public override int MaxBufferSize => BlockSize;

    /// <summary>Makes Kestrel's connections use it.</summary>
    public static void Use(IServiceCollection services)
    {
#if NET10_0_OR_GREATER
        services.AddSingleton<IMemoryPoolFactory<byte>, Factory>();
#else
        if (Environment.Version.Major == 9)
        {
            services.Configure<SocketTransportOptions>(static transport => SetFactory(transport, static () => Shared)); // a later runtime under the same program has another property
        }
#endif
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">More than a block.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        return new Block(this, unused.TryDequeue(out byte[]? bytes) ? bytes : GC.AllocateUninitializedArray<byte>(BlockSize));
    }

    /// <summary>Leaves what is not in use to the collector.</summary>
    public void Release() => unused.Clear();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Shared by all listeners, each of which disposes it.
    }

    private void Return(byte[] bytes)
    {
        if (unused.Count < Kept)
        {
            unused.Enqueue(bytes);
        }
    }

#if NET10_0_OR_GREATER
    private sealed class Factory : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => Shared;
    }
#else
    // The next version has an interface for it, as above.
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_MemoryPoolFactory")]
    private static extern void SetFactory(SocketTransportOptions options, Func<MemoryPool<byte>> factory);
#endif

    private sealed class Block(BlockPool pool, byte[] bytes) : IMemoryOwner<byte>
    {
        private byte[]? bytes = bytes;

        public Memory<byte> Memory => bytes ?? throw new ObjectDisposedException(nameof(Block));

        public void Dispose()
        {
            if (Interlocked.Exchange(ref bytes, null) is { } returned)
            {
                pool.Return(returned);
            }
        }
    }
}
