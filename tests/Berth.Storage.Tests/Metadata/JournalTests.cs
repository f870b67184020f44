using System.Text;
using Berth.Model;
using Berth.Storage.Metadata;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Metadata;

public sealed class JournalTests : IDisposable
{
    private readonly TempFolder temp = new();

    private string File => temp["metadata/journal"];

    public void Dispose() => temp.Dispose();

    [Fact]
    public async Task CommittedChangesAreThereAfterReopening()
    {
        await WithJournal(async journal =>
        {
            await journal.CommitAsync([Put("a", "k", "1"), Put("b", "k", "2")], default);
            await journal.CommitAsync([Put("a", "k", "3"), new JournalChange("b", "k", null), new JournalChange("b", "never", null)], default);
        });
        await WithJournal(journal =>
        {
            Assert.Equal("3", Encoding.UTF8.GetString(journal.Read("a")["k"]));
            Assert.Empty(journal.Read("b"));
            Assert.Empty(journal.Read("unknown"));
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task CutAtEveryByte_WholeBatchesStayAndTheRestIsCutOff()
    {
        await WithJournal(async journal =>
        {
            for (int i = 0; i < 5; i++)
            {
                await journal.CommitAsync([Put("x", "left", i.ToString()), Put("x", "right", i.ToString())], default);
            }
        });
        byte[] whole = System.IO.File.ReadAllBytes(File);
        int highest = -2;
        for (int length = 0; length <= whole.Length; length++)
        {
            System.IO.File.WriteAllBytes(File, whole[..length]);
            await WithJournal(async journal =>
            {
                IReadOnlyDictionary<string, byte[]> state = journal.Read("x");
                int left = state.TryGetValue("left", out byte[]? l) ? int.Parse(Encoding.UTF8.GetString(l)) : -1;
                int right = state.TryGetValue("right", out byte[]? r) ? int.Parse(Encoding.UTF8.GetString(r)) : -1;
                Assert.Equal(left, right);
                Assert.True(left >= Math.Max(highest, -1));
                highest = left;
                await journal.CommitAsync([Put("x", "after", "cut")], default);
            });
            await WithJournal(journal =>
            {
                Assert.Equal("cut", Encoding.UTF8.GetString(journal.Read("x")["after"]));
                return Task.CompletedTask;
            });
        }

        Assert.Equal(4, highest);
    }

    [Fact]
    public async Task TailOfGarbageOrZerosIsCutOff()
    {
        await WithJournal(async journal => await journal.CommitAsync([Put("x", "k", "v")], default));
        byte[] whole = System.IO.File.ReadAllBytes(File);
        foreach (byte fill in (byte[])[0, 0xFF, 7])
        {
            System.IO.File.WriteAllBytes(File, [.. whole, .. Enumerable.Repeat(fill, 5000)]);
            await WithJournal(journal =>
            {
                Assert.Single(journal.Read("x"));
                return Task.CompletedTask;
            });
            Assert.Equal(whole.Length, new FileInfo(File).Length);
        }
    }

    [Fact]
    public async Task DamageInTheMiddleIsAnErrorAndTheFileStays()
    {
        await WithJournal(async journal =>
        {
            for (int i = 0; i < 3; i++)
            {
                await journal.CommitAsync([Put("x", "k" + i, new string('v', 100))], default);
            }
        });
        byte[] whole = System.IO.File.ReadAllBytes(File);
        // Every byte of the first two frames, lengths included.
        for (int at = 16; at < 16 + (2 * (whole.Length - 16) / 3); at++)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x40;
            System.IO.File.WriteAllBytes(File, damaged);
            EngineException e = await Assert.ThrowsAsync<EngineException>(() => WithJournal(_ => Task.CompletedTask));
            Assert.Equal(ErrorKind.Internal, e.Kind);
            Assert.Contains("is damaged at byte", e.Message);
            Assert.Equal(damaged, System.IO.File.ReadAllBytes(File));
        }
    }

    [Fact]
    public async Task AForeignFileIsRefused()
    {
        Directory.CreateDirectory(temp["metadata"]);
        foreach (string content in (string[])["hello, I am no journal at all", "short"])
        {
            System.IO.File.WriteAllText(File, content);
            EngineException e = await Assert.ThrowsAsync<EngineException>(() => WithJournal(_ => Task.CompletedTask));
            Assert.Contains("is not a metadata journal", e.Message);
        }
    }

    [Fact]
    public async Task AStoredJournalFrameNeverCountsAsRecordOfThisOne()
    {
        using TempFolder other = new();
        using (StorageRoot root = StorageRoot.Open(other.Path))
        await using (Journal journal = Journal.Open(root))
        {
            for (int i = 0; i < 5; i++)
            {
                await journal.CommitAsync([Put("x", "k", "v" + i)], default);
            }
        }

        byte[] foreign = System.IO.File.ReadAllBytes(other["metadata/journal"]);
        await WithJournal(async journal => await journal.CommitAsync([new JournalChange("x", "embedded", foreign)], default));
        byte[] whole = System.IO.File.ReadAllBytes(File);
        System.IO.File.WriteAllBytes(File, whole[..^1]);
        await WithJournal(journal =>
        {
            Assert.Empty(journal.Read("x"));
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task ConcurrentCommitsShareSyncsAndAllArrive()
    {
        await WithJournal(async journal =>
        {
            await Task.WhenAll(Enumerable.Range(0, 2000).Select(i => Task.Run(async () =>
            {
                await journal.CommitAsync([Put("c", "k" + i, i.ToString())], default);
                Assert.True(journal.Read("c").ContainsKey("k" + i));
            })));
        });
        await WithJournal(journal =>
        {
            Assert.Equal(2000, journal.Read("c").Count);
            return Task.CompletedTask;
        });
        // One frame each would need 16 bytes of header per commit.
        Assert.True(new FileInfo(File).Length < 2000 * 40, "2000 concurrent commits should have shared frames");
    }

    [Fact]
    public async Task GarbageIsCompactedAway()
    {
        await WithJournal(async journal =>
        {
            for (int i = 0; i < 400; i++)
            {
                await journal.CommitAsync([Put("x", "k" + (i % 3), new string((char)('a' + (i % 26)), 10_000))], default);
            }

            Assert.Equal(3, journal.Read("x").Count);
        });
        Assert.True(new FileInfo(File).Length < 2 << 20);
        await WithJournal(async journal =>
        {
            Assert.Equal(new string((char)('a' + (399 % 26)), 10_000), Encoding.UTF8.GetString(journal.Read("x")["k0"]));
            await journal.CommitAsync([Put("x", "later", "1")], default);
        });
        await WithJournal(journal =>
        {
            Assert.Equal(4, journal.Read("x").Count);
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task AClosedJournalRefuses()
    {
        using StorageRoot root = StorageRoot.Open(temp.Path);
        Journal journal = Journal.Open(root);
        await journal.DisposeAsync();
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => journal.CommitAsync([Put("a", "b", "c")], default).AsTask());
        Assert.Equal(ErrorKind.Unavailable, e.Kind);
    }

    private static JournalChange Put(string bucket, string key, string value) => new(bucket, key, Encoding.UTF8.GetBytes(value));

    private async Task WithJournal(Func<Journal, Task> use)
    {
        using StorageRoot root = StorageRoot.Open(temp.Path);
        await using Journal journal = Journal.Open(root);
        await use(journal);
    }
}
