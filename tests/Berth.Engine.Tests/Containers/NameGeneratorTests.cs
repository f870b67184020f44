using Berth.Engine.Containers;

namespace Berth.Engine.Tests.Containers;

public sealed class NameGeneratorTests
{
    [Fact]
    public void Names_are_two_words() => Assert.Matches("^[a-z]+_[a-z]+$", NameGenerator.Create(static _ => false));

    [Fact]
    public void A_taken_name_is_not_given()
    {
        var taken = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < 1000; i++)
        {
            Assert.True(taken.Add(NameGenerator.Create(taken.Contains)));
        }
    }

    [Fact]
    public void When_all_words_are_taken_a_number_follows() =>
        Assert.Matches("^[a-z]+_[a-z]+[0-9]+$", NameGenerator.Create(static name => !char.IsAsciiDigit(name[^1])));
}
