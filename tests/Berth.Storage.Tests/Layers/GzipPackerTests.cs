using System.IO.Compression;
using Berth.Storage.Layers;

namespace Berth.Storage.Tests.Layers;

public sealed class GzipPackerTests
{
    private const int Block = 1 << 20;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Block - 1)]
    [InlineData(Block)]
    [InlineData(Block + 1)]
    [InlineData((9 * Block) + 5)]
    public void WhatIsPackedUnpacksToTheSame(int length)
    {
        byte[] plain = new byte[length];
        new Random(length).NextBytes(plain.AsSpan(length / 2)); // half of it does not shrink
        byte[] packed = Pack(new MemoryStream(plain));
        foreach (Stream reader in (Stream[])[new GZipStream(new MemoryStream(packed), CompressionMode.Decompress), new GzipReader(new MemoryStream(packed))])
        {
            using MemoryStream unpacked = new();
            reader.CopyTo(unpacked);
            Assert.Equal(plain, unpacked.ToArray());
            reader.Dispose();
        }

        Assert.Equal(packed, Pack(new Drop(plain)));
    }

    [Fact]
    public void AFailureOfEitherSideIsTold()
    {
        Assert.Throws<NotSupportedException>(() => GzipPacker.Pack(new MemoryStream(new byte[20 * Block]), new MemoryStream(new byte[10], writable: false), null, default));
        using CancellationTokenSource stop = new();
        Assert.Throws<OperationCanceledException>(() => GzipPacker.Pack(new MemoryStream(new byte[20 * Block]), new MemoryStream(), _ => stop.Cancel(), stop.Token));
    }

    private static byte[] Pack(Stream plain)
    {
        using MemoryStream packed = new();
        long told = 0;
        GzipPacker.Pack(plain, packed, done => told = done, default);
        Assert.Equal(plain.Length, told);
        return packed.ToArray();
    }

    // Gives a few bytes at a time.
    private sealed class Drop(byte[] content) : MemoryStream(content)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 70_001)]);
    }
}
