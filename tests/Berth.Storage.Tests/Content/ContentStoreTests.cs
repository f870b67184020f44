using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Content;

public sealed class ContentStoreTests : IDisposable
{
    private readonly TempFolder temp = new();
    private readonly StorageRoot root;
    private readonly ContentStore store;

    public ContentStoreTests()
    {
        root = StorageRoot.Open(temp.Path);
        store = ContentStore.Open(root);
    }

    public void Dispose()
    {
        store.Dispose();
        root.Dispose();
        temp.Dispose();
    }

    [Fact]
    public void APublishedBlobIsFoundByItsDigest()
    {
        Digest digest = Write("hello"u8);
        Assert.Equal(Digest.Of("hello"u8), digest);
        Assert.True(store.Exists(digest));
        Assert.Equal(5, store.Size(digest));
        Assert.Equal("hello"u8.ToArray(), store.ReadDocument(digest));
        Assert.Equal([digest], store.List());
        Assert.Equal(digest, Write("hello"u8));
        Assert.True(store.Delete(digest));
        Assert.False(store.Delete(digest));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => store.Open(digest)).Kind);
    }

    [Fact]
    public void Attack17_AWrongClaimIsRefusedAndNothingIsLeft()
    {
        using (ContentWriter writer = store.CreateWriter())
        {
            writer.Write("hello"u8);
            EngineException e = Assert.Throws<EngineException>(() => writer.Publish(Digest.Of("other"u8)));
            Assert.Contains("does not match its digest", e.Message);
        }

        Assert.Empty(store.List());
        Assert.Empty(Directory.GetFileSystemEntries(temp["content/ingest"]));
    }

    [Fact]
    public void DamageOnDiskIsNoticed()
    {
        Digest digest = Write("hello"u8);
        File.WriteAllText(temp["content/blobs/sha256/" + digest.Hex], "hellO");
        Assert.Contains("damaged on disk", Assert.Throws<EngineException>(() => store.ReadDocument(digest)).Message);
    }

    [Fact]
    public void WhatAKilledWriterLeftIsGoneAtTheNextStart()
    {
        File.WriteAllText(temp["content/ingest/left"], "x");
        using ContentStore again = ContentStore.Open(root);
        Assert.Empty(Directory.GetFileSystemEntries(temp["content/ingest"]));
    }

    private Digest Write(ReadOnlySpan<byte> content)
    {
        using ContentWriter writer = store.CreateWriter();
        writer.Write(content);
        return writer.Publish();
    }
}
